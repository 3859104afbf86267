package io.klingtracker.tenant;

import jakarta.enterprise.context.RequestScoped;
import org.jspecify.annotations.Nullable;

/** Who makes the request under way; filled in by {@link AuthenticationFilter}. */
@RequestScoped
public class CurrentCaller {

  private @Nullable String tenant;

  void is(String tenant) {
    this.tenant = tenant;
  }

  /**
   * The caller's tenant; every query names it.
   *
   * @throws IllegalStateException on a path that is not authenticated
   */
  public String tenant() {
    if (tenant == null) {
      throw new IllegalStateException("this path is not authenticated");
    }
    return tenant;
  }
}
