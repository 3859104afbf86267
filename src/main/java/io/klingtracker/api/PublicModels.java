package io.klingtracker.api;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.rules.ModelMapping;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** The model mapping each tenant sees: the common one, with the tenant's own names on top. */
@Singleton
class PublicModels {

  private final ModelMapping common;
  private final Map<String, ModelMapping> byTenant = new HashMap<>();

  @Inject
  PublicModels(KlingConfig config) {
    common = ModelMapping.of(config.models(), Set.copyOf(config.discontinuedModels()));
    config.tenantModels().forEach((tenant, own) -> byTenant.put(tenant, common.with(own)));
  }

  ModelMapping of(String tenant) {
    return byTenant.getOrDefault(tenant, common);
  }
}
