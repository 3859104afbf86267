package io.klingtracker.http;

import io.vertx.ext.web.RoutingContext;

/** Whose request it is, for the bounds that tenants share. */
public final class RequestTenant {

  private static final String KEY = RequestTenant.class.getName();

  /** All those who need no key, or are nobody's; no tenant is called so. */
  private static final String NOBODY = "";

  private RequestTenant() {}

  /** Notes the tenant of a request whose key was checked. */
  public static void set(RoutingContext call, String tenant) {
    call.put(KEY, tenant);
  }

  static String of(RoutingContext call) {
    String tenant = call.get(KEY);
    return tenant == null ? NOBODY : tenant;
  }
}
