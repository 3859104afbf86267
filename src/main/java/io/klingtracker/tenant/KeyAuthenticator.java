package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Hashes;
import io.klingtracker.secret.Secrets;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds whose a bearer token is: an API key, or a JWT signed with a key's access and secret pair,
 * as Kling's own clients make it. Codes and texts are Kling's (1000–1004). What cannot be a key is
 * refused without asking the database; what could be is asked about every few seconds at most.
 */
@ApplicationScoped
class KeyAuthenticator {

  /** Tokens longer than this are not looked at. */
  private static final int MAX_TOKEN = 4096;

  private static final String SCHEME = "Bearer ";

  /** Before the hash of an API key, as what it is looked up by. */
  private static final String KEY = "k:";

  /** Clocks of clients may differ from ours by this much. */
  private static final Duration SKEW = Duration.ofSeconds(30);

  private static final Caller CONFIGURED_ADMIN =
      new Caller(
          null,
          "tracker.admin-key",
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

  private final KeyStore store;
  private final Secrets secrets;
  private final Clock clock;
  private final ObjectMapper json;
  private final KeyCache cache;

  /** Keys of a form of their own are known only while they are configured. */
  private final Optional<byte[]> configuredKey;

  private final Optional<String> configuredAccessKey;
  private final Optional<byte[]> configuredAdminKey;

  @Inject
  KeyAuthenticator(
      KeyStore store, Secrets secrets, Clock clock, ObjectMapper json, TenantConfig config) {
    this.store = store;
    this.secrets = secrets;
    this.clock = clock;
    this.json = json;
    this.cache = new KeyCache(clock, config.keys().cache(), KeyCache.SIZE);
    this.configuredKey = config.bootstrap().apiKey().map(KeyFormat::hash);
    this.configuredAccessKey = config.bootstrap().accessKey();
    this.configuredAdminKey = config.adminKey().map(KeyFormat::hash);
  }

  /**
   * The tenant's key behind the {@code Authorization} headers of a request.
   *
   * @throws ProblemException 1000–1004 when it is nobody's, 1103 when it is suspended
   */
  Caller tenantKey(@Nullable List<String> authorization) {
    String token = token(authorization);
    return (isJwt(token) ? ofJwt(token) : ofKey(token)).notSuspended();
  }

  /**
   * The administrator behind the {@code Authorization} headers of a request.
   *
   * @throws ProblemException when there is none
   */
  Caller adminKey(@Nullable List<String> authorization) {
    String token = token(authorization);
    byte[] hash = KeyFormat.hash(token);
    if (isSame(configuredAdminKey, hash)) {
      return CONFIGURED_ADMIN;
    }
    if (!KeyFormat.ADMIN.fits(token)) {
      throw unknownKey("admin key");
    }
    return cache
        .get("m:" + text(hash), () -> store.admin(hash))
        .orElseThrow(() -> unknownKey("admin key"))
        .notSuspended();
  }

  /** Whether a key is an administrator's, by its form. */
  boolean isAdmin(String key, byte[] hash) {
    return KeyFormat.ADMIN.fits(key) || isSame(configuredAdminKey, hash);
  }

  /**
   * The caller whose key has this hash.
   *
   * @param key the key itself, where it is at hand: what cannot be one is not looked up
   */
  Optional<Caller> byHash(boolean admin, @Nullable String key, byte[] hash) {
    if (admin && isSame(configuredAdminKey, hash)) {
      return Optional.of(CONFIGURED_ADMIN);
    }
    if (key != null && !admin && !couldBeKey(key)) {
      return Optional.empty();
    }
    return cache.get(
        (admin ? "m:" : "k:") + text(hash), () -> admin ? store.admin(hash) : store.byHash(hash));
  }

  /**
   * What the key behind the {@code Authorization} headers is looked up by; null where it is
   * refused, or known, without a look-up.
   */
  @Nullable String name(boolean admin, @Nullable List<String> authorization) {
    try {
      String token = token(authorization);
      if (admin) {
        return KeyFormat.ADMIN.fits(token) && !isSame(configuredAdminKey, KeyFormat.hash(token))
            ? "m:" + text(KeyFormat.hash(token))
            : null;
      }
      if (isJwt(token)) {
        String issuer = claims(token.split("\\.", -1)[1]).path("iss").asText("");
        return couldBeAccessKey(issuer) ? "a:" + issuer : null;
      }
      return couldBeKey(token) ? KEY + text(KeyFormat.hash(token)) : null;
    } catch (ProblemException e) {
      return null;
    }
  }

  /**
   * The tenant's API key that {@link #name} named, without a second look at the token; null for
   * what is named otherwise.
   *
   * @throws ProblemException as {@link #tenantKey}
   */
  @Nullable Caller ofName(String name) {
    return name.startsWith(KEY) ? ofHash(name).notSuspended() : null;
  }

  /** Whether the answer for a name is known without a query, as an event loop needs it. */
  boolean isKnown(String name) {
    return cache.has(name);
  }

  /** What is known of a tenant for people, who have no key; empty when there is no such tenant. */
  Optional<Caller> tenant(String id) {
    return Tenant.isId(id) ? cache.get("t:" + id, () -> store.tenant(id)) : Optional.empty();
  }

  /** Called when a key was changed or revoked here; other replicas notice when their cache ages. */
  void forget() {
    cache.clear();
  }

  private Caller ofKey(String token) {
    if (!couldBeKey(token)) {
      throw unknownKey("API key");
    }
    return ofHash(KEY + text(KeyFormat.hash(token)));
  }

  private Caller ofHash(String name) {
    return cache
        .get(name, () -> store.byHash(Base64.getDecoder().decode(name.substring(KEY.length()))))
        .orElseThrow(() -> unknownKey("API key"));
  }

  private boolean couldBeKey(String token) {
    return KeyFormat.API.fits(token) || isSame(configuredKey, KeyFormat.hash(token));
  }

  private boolean couldBeAccessKey(String issuer) {
    return KeyFormat.ACCESS.fits(issuer)
        || configuredAccessKey.map(key -> key.equals(issuer)).orElse(false);
  }

  private Caller ofJwt(String token) {
    String[] parts = token.split("\\.", -1);
    JsonNode header = claims(parts[0]);
    JsonNode claims = claims(parts[1]);
    if (!"HS256".equals(header.path("alg").asText())) {
      throw invalid("the JWT's alg must be HS256");
    }
    String issuer = claims.path("iss").asText("");
    Optional<Caller> found =
        couldBeAccessKey(issuer)
            ? cache.get("a:" + issuer, () -> store.byAccessKey(issuer))
            : Optional.empty();
    Caller caller = found.orElseThrow(() -> invalid("the JWT's iss is no known access key"));
    byte[] right =
        Hashes.hmacSha256(
            secrets.open(Objects.requireNonNull(caller.secretSealed())),
            (parts[0] + "." + parts[1]).getBytes(StandardCharsets.UTF_8));
    if (!MessageDigest.isEqual(right, decode(parts[2]))) {
      throw new ProblemException(
          ErrorCode.AUTHENTICATION_FAILED,
          "the JWT's signature is not made with the access key's secret key");
    }
    Instant now = clock.instant();
    if (claims.has("nbf") && now.plus(SKEW).isBefore(time(claims, "nbf"))) {
      throw new ProblemException(
          ErrorCode.AUTHORIZATION_NOT_YET_VALID, "the JWT is not valid yet (nbf)");
    }
    if (!claims.has("exp") || now.minus(SKEW).isAfter(time(claims, "exp"))) {
      throw new ProblemException(
          ErrorCode.AUTHORIZATION_EXPIRED, "the JWT has expired (exp); sign a new one");
    }
    return caller;
  }

  private JsonNode claims(String part) {
    try {
      JsonNode node = json.readTree(decode(part));
      if (node != null && node.isObject()) {
        return node;
      }
    } catch (IOException e) {
      // Falls through to the one refusal.
    }
    throw invalid("the JWT cannot be read");
  }

  /** A second header could say something else to whatever is before us. */
  static String token(@Nullable List<String> authorization) {
    if (authorization == null || authorization.isEmpty()) {
      throw missing();
    }
    String header = authorization.get(0);
    if (authorization.size() > 1) {
      throw invalid("Authorization is there more than once; send it once");
    }
    if (header.isBlank()) {
      throw missing();
    }
    if (!header.regionMatches(true, 0, SCHEME, 0, SCHEME.length()) || header.length() > MAX_TOKEN) {
      throw invalid("Authorization is not of the form Bearer <API key or JWT>");
    }
    return header.substring(SCHEME.length()).strip();
  }

  private static boolean isJwt(String token) {
    int first = token.indexOf('.');
    int second = first < 0 ? -1 : token.indexOf('.', first + 1);
    return second > 0 && token.indexOf('.', second + 1) < 0;
  }

  private static boolean isSame(Optional<byte[]> configured, byte[] hash) {
    return configured.map(known -> MessageDigest.isEqual(known, hash)).orElse(false);
  }

  private static byte[] decode(String part) {
    try {
      return Base64.getUrlDecoder().decode(part);
    } catch (IllegalArgumentException e) {
      throw invalid("the JWT cannot be read");
    }
  }

  private static Instant time(JsonNode claims, String name) {
    JsonNode value = claims.path(name);
    if (!value.isNumber() || Math.abs(value.asDouble()) > 1e11) {
      throw invalid("the JWT's " + name + " must be seconds since 1970");
    }
    return Instant.ofEpochSecond(value.asLong());
  }

  private static String text(byte[] hash) {
    return Base64.getEncoder().encodeToString(hash);
  }

  private static ProblemException missing() {
    return new ProblemException(
        ErrorCode.AUTHORIZATION_MISSING,
        "Authorization is empty; send Authorization: Bearer <API key or JWT>");
  }

  private static ProblemException unknownKey(String what) {
    return invalid("the " + what + " is unknown, expired or revoked");
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.AUTHORIZATION_INVALID, message);
  }
}
