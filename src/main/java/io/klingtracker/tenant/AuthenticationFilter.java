package io.klingtracker.tenant;

import jakarta.annotation.Priority;
import jakarta.inject.Inject;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.ext.Provider;

/**
 * Lets nobody onto {@code /kling} and {@code /v1} without a tenant's key, nor onto {@code /admin}
 * without the admin key.
 */
@Provider
@Priority(Priorities.AUTHENTICATION)
public class AuthenticationFilter implements ContainerRequestFilter {

  private final KeyRing keys;
  private final CurrentCaller caller;

  @Inject
  AuthenticationFilter(KeyRing keys, CurrentCaller caller) {
    this.keys = keys;
    this.caller = caller;
  }

  @Override
  public void filter(ContainerRequestContext request) {
    String path = request.getUriInfo().getPath();
    if (path.startsWith("/kling/") || path.startsWith("/v1/")) {
      caller.is(keys.tenantOf(request.getHeaderString("Authorization")));
    } else if (path.startsWith("/admin/")) {
      keys.requireAdmin(request.getHeaderString("Authorization"));
    }
  }
}
