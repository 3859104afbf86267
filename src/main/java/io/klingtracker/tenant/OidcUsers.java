package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.text.ForeignText;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.SecurityIdentity;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.io.IOException;
import java.security.Principal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.jwt.JsonWebToken;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * People who come with a token of the configured identity provider (OpenID Connect) instead of a
 * key. Their tokens are signed with a private key, those of Kling's clients with a shared secret:
 * the algorithm in the token's head distinguishes them, and what it says is proved by whoever
 * checks the signature.
 */
@ApplicationScoped
class OidcUsers {

  private static final Logger LOG = Logger.getLogger(OidcUsers.class);
  private static final Set<String> ALGORITHMS =
      Set.of("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512");

  /** Of a person's name in the audit log, in bytes. */
  private static final int MAX_NAME = 200;

  /** The provider's keys may have to be fetched first. */
  private static final Duration LONGEST_CHECK = Duration.ofSeconds(10);

  private static final Duration TRY_AGAIN = Duration.ofSeconds(5);

  private final boolean enabled;
  private final OidcConfig config;
  private final KeyAuthenticator authenticator;
  private final ObjectMapper json;
  private final Clock clock;

  @Inject
  OidcUsers(
      @ConfigProperty(name = "quarkus.oidc.tenant-enabled", defaultValue = "false") boolean enabled,
      OidcConfig config,
      KeyAuthenticator authenticator,
      ObjectMapper json,
      Clock clock) {
    this.enabled = enabled;
    this.config = config;
    this.authenticator = authenticator;
    this.json = json;
    this.clock = clock;
  }

  /** Whether these {@code Authorization} headers are a person's, if anybody's. */
  boolean isOidcToken(@Nullable List<String> authorization) {
    if (!enabled || authorization == null || authorization.size() != 1) {
      return false;
    }
    try {
      String[] parts = KeyAuthenticator.token(authorization).split("\\.", -1);
      return parts.length == 3 && ALGORITHMS.contains(part(parts[0]).path("alg").asText());
    } catch (ProblemException e) {
      return false;
    }
  }

  /**
   * The person in a tenant.
   *
   * @param identity is there once the provider's signature, the time and the audience are checked
   * @throws ProblemException when the token is not good, or the person has no tenant or no role
   */
  Caller inTenant(List<String> authorization, Uni<SecurityIdentity> identity) {
    JsonNode claims = checked(authorization, identity);
    String tenant = claim(claims, config.tenantClaim()).asText("");
    if (tenant.isEmpty()) {
      throw forbidden("the token names no tenant in its claim " + config.tenantClaim());
    }
    Caller known =
        authenticator
            .tenant(tenant)
            .orElseThrow(() -> forbidden("the token's tenant is not known to this service"))
            .notSuspended();
    return new Caller(
        null,
        name(claims),
        tenant,
        scopes(roles(claims)),
        null,
        null,
        known.quota(),
        known.models(),
        known.trackAccounts(),
        null,
        null,
        null);
  }

  /** The tenant that a person's checked token names, whether or not there is one; else nothing. */
  String tenantOf(List<String> authorization, SecurityIdentity person) {
    JsonNode claims = claims(KeyAuthenticator.token(authorization), person.getPrincipal());
    return claims == null ? "" : claim(claims, config.tenantClaim()).asText("");
  }

  /**
   * The person as an administrator.
   *
   * @throws ProblemException when the token is not good, or the person has not the role
   */
  Caller administrator(List<String> authorization, Uni<SecurityIdentity> identity) {
    JsonNode claims = checked(authorization, identity);
    if (!roles(claims).contains(config.roles().admin())) {
      throw forbidden("this needs the role " + config.roles().admin());
    }
    return new Caller(
        null,
        name(claims),
        null,
        Scope.ALL,
        null,
        null,
        Quota.NONE,
        Map.of(),
        Set.of(),
        null,
        null,
        null);
  }

  /**
   * What the verified token says. Nothing is taken from a token that was only read: the one that
   * was verified must be the one in {@code Authorization}.
   */
  private JsonNode checked(List<String> authorization, Uni<SecurityIdentity> identity) {
    String token = KeyAuthenticator.token(authorization);
    try {
      JsonNode claims = claims(token, identity.await().atMost(LONGEST_CHECK).getPrincipal());
      if (claims != null) {
        return claims;
      }
    } catch (RuntimeException e) {
      throw refusal(authorization, e);
    }
    throw refusal(authorization, null);
  }

  private @Nullable JsonNode claims(String token, Principal principal) {
    return principal instanceof JsonWebToken person && token.equals(person.getRawToken())
        ? part(token.split("\\.", -1)[1])
        : null;
  }

  /**
   * Why a person's token is refused.
   *
   * @param failure of its check; null when it proved nobody
   */
  ProblemException refusal(List<String> authorization, @Nullable Throwable failure) {
    if (failure instanceof AuthenticationFailedException) {
      LOG.debugf("a person's token is refused: %s", failure.getMessage());
    } else if (failure != null) {
      LOG.warnf("a person's token cannot be checked: %s", failure.getMessage());
      return new ProblemException(
          ErrorCode.UNAVAILABLE, "the identity provider cannot be asked; try again", TRY_AGAIN);
    }
    // Unverified, so good for the choice between two refusals and nothing else.
    long expires =
        part(KeyAuthenticator.token(authorization).split("\\.", -1)[1]).path("exp").asLong(0);
    if (expires > 0
        && clock.instant().isAfter(Instant.ofEpochSecond(Math.min(expires, 1L << 40)))) {
      return new ProblemException(
          ErrorCode.AUTHORIZATION_EXPIRED, "the token has expired; get a new one");
    }
    return new ProblemException(
        ErrorCode.AUTHORIZATION_INVALID,
        "the token is not one of the identity provider's for this service");
  }

  private Set<Scope> scopes(Set<String> roles) {
    Set<Scope> scopes = EnumSet.noneOf(Scope.class);
    Map<Scope, String> names =
        Map.of(
            Scope.SUBMIT, config.roles().submit(),
            Scope.READ, config.roles().read(),
            Scope.WEBHOOKS, config.roles().webhooks(),
            Scope.ERASE, config.roles().erase());
    names.forEach(
        (scope, role) -> {
          if (roles.contains(role)) {
            scopes.add(scope);
          }
        });
    return scopes;
  }

  private Set<String> roles(JsonNode claims) {
    JsonNode given = claim(claims, config.roleClaim());
    Set<String> roles = new HashSet<>();
    if (given.isArray()) {
      given.forEach(role -> roles.add(role.asText()));
    } else {
      roles.addAll(List.of(given.asText("").split(" ")));
    }
    return roles;
  }

  private String name(JsonNode claims) {
    String name = claim(claims, config.nameClaim()).asText("");
    String shown = name.isEmpty() ? claims.path("sub").asText("") : name;
    return "oidc:" + ForeignText.clean(shown, MAX_NAME);
  }

  /** Some providers name claims by URLs: a whole name comes before a path. */
  private static JsonNode claim(JsonNode claims, String name) {
    return claims.has(name) ? claims.get(name) : claims.at("/" + name);
  }

  private JsonNode part(String text) {
    try {
      JsonNode node = json.readTree(Base64.getUrlDecoder().decode(text));
      if (node != null && node.isObject()) {
        return node;
      }
    } catch (IOException | IllegalArgumentException e) {
      // Falls through to the one refusal.
    }
    throw new ProblemException(ErrorCode.AUTHORIZATION_INVALID, "the JWT cannot be read");
  }

  private static ProblemException forbidden(String message) {
    return new ProblemException(ErrorCode.FORBIDDEN, message);
  }
}
