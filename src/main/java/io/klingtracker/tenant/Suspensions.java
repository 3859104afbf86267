package io.klingtracker.tenant;

import io.klingtracker.problem.ProblemException;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

/** Whether tenants may be served, where somebody asks without a key. */
@Singleton
public class Suspensions {

  private final KeyAuthenticator keys;

  @Inject
  Suspensions(KeyAuthenticator keys) {
    this.keys = keys;
  }

  /**
   * As known for {@code tracker.keys.cache} at the most.
   *
   * @throws ProblemException when the tenant is suspended
   */
  public void check(String tenant) {
    keys.tenant(tenant).ifPresent(Caller::notSuspended);
  }
}
