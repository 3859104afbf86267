package io.klingtracker.klingapi;

import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tenant.CurrentCaller;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The model mapping each tenant sees: the common one, with the tenant's own names on top. */
@Singleton
class PublicModels {

  private final ModelMapping common;
  private final Map<String, ModelMapping> byTenant = new HashMap<>();

  @Inject
  PublicModels(KlingConfig config) {
    common =
        ModelMapping.of(config.models(), Set.copyOf(config.discontinuedModels().orElse(List.of())));
    config
        .tenantModels()
        .forEach((tenant, own) -> byTenant.put(tenant, common.with(own, "kling.tenant-models")));
  }

  /** The caller's: what administrators set for the tenant comes on top of everything. */
  ModelMapping of(CurrentCaller caller) {
    ModelMapping configured = byTenant.getOrDefault(caller.tenant(), common);
    try {
      return configured.with(caller.models(), "tenant");
    } catch (IllegalArgumentException e) {
      // Checked when it was set; the configuration has changed since.
      throw new ProblemException(
          ErrorCode.CONFLICT, "the tenant's models do not fit the configured: " + e.getMessage());
    }
  }
}
