package io.klingtracker.klingapi;

import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tenant.CurrentCaller;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Set;

/** The model mapping each tenant sees: the common one, with the tenant's own names on top. */
@Singleton
class PublicModels {

  private final ModelMapping common;

  @Inject
  PublicModels(KlingConfig config) {
    common =
        ModelMapping.of(config.models(), Set.copyOf(config.discontinuedModels().orElse(List.of())));
  }

  /** The caller's: what administrators set for the tenant comes on top of everything. */
  ModelMapping of(CurrentCaller caller) {
    try {
      return common.with(caller.models(), "tenant");
    } catch (IllegalArgumentException e) {
      // Checked when it was set; the configuration has changed since.
      throw new ProblemException(
          ErrorCode.CONFLICT, "the tenant's models do not fit the configured: " + e.getMessage());
    }
  }
}
