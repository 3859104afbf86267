package io.klingtracker.tenant;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/**
 * What the claims of people's tokens mean. The identity provider itself, and whether there is one,
 * is {@code quarkus.oidc.*}. A claim inside another is named with a slash, as in {@code
 * realm_access/roles}.
 */
@ConfigMapping(prefix = "tracker.oidc")
public interface OidcConfig {

  /** Claim that names the person's tenant. */
  @WithDefault("tenant")
  String tenantClaim();

  /** Claim that lists the person's roles: a list, or words with blanks between them. */
  @WithDefault("roles")
  String roleClaim();

  /** Claim that names the person in the audit log; without it, {@code sub} does. */
  @WithDefault("preferred_username")
  String nameClaim();

  /** Which roles may do what. */
  Roles roles();

  /** Names of roles. */
  interface Roles {
    /** May use {@code /admin/v1}. */
    @WithDefault("tracker-admin")
    String admin();

    /** Has the scope {@code submit} in the tenant. */
    @WithDefault("tracker-submit")
    String submit();

    /** Has the scope {@code read} in the tenant. */
    @WithDefault("tracker-read")
    String read();

    /** Has the scope {@code webhooks} in the tenant. */
    @WithDefault("tracker-webhooks")
    String webhooks();

    /** Has the scope {@code erase} in the tenant. */
    @WithDefault("tracker-erase")
    String erase();
  }
}
