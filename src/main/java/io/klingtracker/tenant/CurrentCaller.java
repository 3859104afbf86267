package io.klingtracker.tenant;

import jakarta.enterprise.context.RequestScoped;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Who makes the request under way; filled in by {@link AuthenticationFilter}. */
@RequestScoped
public class CurrentCaller {

  private @Nullable Caller caller;
  private @Nullable ConsoleSession session;
  private @Nullable String detail;

  void set(Caller caller) {
    this.caller = caller;
  }

  void set(ConsoleSession session) {
    this.session = session;
  }

  /**
   * The session of a page of the console.
   *
   * @throws IllegalStateException on any other path
   */
  public ConsoleSession session() {
    if (session == null) {
      throw new IllegalStateException("this path is not the console's");
    }
    return session;
  }

  boolean isAdministratorOnConsole() {
    return session != null && session.administrator();
  }

  /** Whether the caller acts in a tenant; an administrator may have chosen none. */
  public boolean hasTenant() {
    return caller().tenant() != null;
  }

  /** Whether the caller may do what needs a scope. */
  public boolean may(Scope scope) {
    return caller().scopes().contains(scope);
  }

  /**
   * The caller's tenant; every query names it.
   *
   * @throws IllegalStateException on a path that is not a tenant's
   */
  public String tenant() {
    String tenant = caller().tenant();
    if (tenant == null) {
      throw new IllegalStateException("this path is not a tenant's");
    }
    return tenant;
  }

  /** Whether somebody makes it who has shown a key, and not a signed link. */
  public boolean isKnown() {
    return caller != null;
  }

  /** The id of the key; null for people and for the configured administrator. */
  public @Nullable UUID key() {
    return caller().key();
  }

  /** The tenant's own model names, on top of the configured. */
  public Map<String, String> models() {
    return caller().models();
  }

  /** Kling accounts on which the tenant may have other programs' tasks watched. */
  public Set<String> trackAccounts() {
    return caller().trackAccounts();
  }

  /** Has the audit log say what the action sets; no secrets. */
  public void audit(String detail) {
    this.detail = detail;
  }

  @Nullable String detail() {
    return detail;
  }

  /** The caller's name, for logs of who did what. */
  public String name() {
    return caller().name();
  }

  Caller caller() {
    if (caller == null) {
      throw new IllegalStateException("this path is not authenticated");
    }
    return caller;
  }
}
