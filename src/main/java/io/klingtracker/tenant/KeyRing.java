package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import jakarta.transaction.Transactional;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds whose a bearer token is: an API key, or a JWT signed with a key's access and secret pair,
 * as Kling's own clients make it. Codes and texts are Kling's (1000–1004).
 */
@ApplicationScoped
class KeyRing {

  /** Tokens longer than this are not looked at. */
  private static final int MAX_TOKEN = 4096;

  /** Clocks of clients may differ from ours by this much. */
  private static final Duration SKEW = Duration.ofSeconds(30);

  private final ApiKeyRepository keys;
  private final Secrets secrets;
  private final Clock clock;
  private final ObjectMapper json;
  private final TenantConfig.Keys config;
  private final Optional<String> adminKey;
  private final Map<String, Cached> cache = new ConcurrentHashMap<>();

  /** What is remembered of a key; {@code key} is null when there is none. */
  private record Cached(@Nullable ApiKey key, Instant until) {}

  @Inject
  KeyRing(
      ApiKeyRepository keys, Secrets secrets, Clock clock, ObjectMapper json, TenantConfig config) {
    this.keys = keys;
    this.secrets = secrets;
    this.clock = clock;
    this.json = json;
    this.config = config.keys();
    this.adminKey = config.adminKey();
  }

  /**
   * The tenant of an {@code Authorization} header.
   *
   * @throws ProblemException 1000–1004 when it is nobody's
   */
  String tenantOf(@Nullable String authorization) {
    if (authorization == null || authorization.isBlank()) {
      throw new ProblemException(
          ErrorCode.AUTHORIZATION_MISSING,
          "Authorization is empty; send Authorization: Bearer <API key or JWT>");
    }
    if (!authorization.regionMatches(true, 0, "Bearer ", 0, 7)
        || authorization.length() > MAX_TOKEN) {
      throw invalid("Authorization is not of the form Bearer <API key or JWT>");
    }
    String token = authorization.substring(7).strip();
    long dots = token.chars().filter(c -> c == '.').count();
    return dots == 2 ? ofJwt(token) : ofKey(token);
  }

  /**
   * Lets the operator pass.
   *
   * @throws ProblemException when the header does not carry the admin key
   */
  void requireAdmin(@Nullable String authorization) {
    String sent =
        authorization == null ? "" : authorization.replaceFirst("(?i)^Bearer ", "").strip();
    boolean admin = adminKey.map(key -> MessageDigest.isEqual(hash(key), hash(sent))).orElse(false);
    if (!admin) {
      throw invalid("this path wants Authorization: Bearer <admin key>");
    }
  }

  private String ofKey(String token) {
    byte[] hash = hash(token);
    ApiKey key =
        cached("k:" + Base64.getEncoder().encodeToString(hash), () -> keys.byHash(hash))
            .orElseThrow(() -> invalid("the API key is unknown, expired or revoked"));
    return key.tenant;
  }

  private String ofJwt(String token) {
    String[] parts = token.split("\\.", -1);
    JsonNode header = claims(parts[0]);
    JsonNode claims = claims(parts[1]);
    if (!"HS256".equals(header.path("alg").asText())) {
      throw invalid("the JWT's alg must be HS256");
    }
    String issuer = claims.path("iss").asText("");
    ApiKey key =
        cached("a:" + issuer, () -> keys.byAccessKey(issuer))
            .orElseThrow(() -> invalid("the JWT's iss is no known access key"));
    byte[] right =
        Secrets.hmacSha256(
            secrets.open(key.secretSealed),
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
    return key.tenant;
  }

  private Optional<ApiKey> cached(String name, Supplier<Optional<ApiKey>> lookUp) {
    Instant now = clock.instant();
    Cached known = cache.get(name);
    if (known == null || now.isAfter(known.until())) {
      if (cache.size() >= config.cacheSize()) {
        // A flood of made-up keys; starting over costs a look-up for each real one.
        cache.clear();
      }
      known = new Cached(lookUp(lookUp), now.plus(config.cache()));
      cache.put(name, known);
    }
    ApiKey key = known.key();
    return key != null && key.usableAt(now) ? Optional.of(key) : Optional.empty();
  }

  @Transactional
  @Nullable ApiKey lookUp(Supplier<Optional<ApiKey>> query) {
    return query.get().orElse(null);
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

  static byte[] hash(String key) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is part of every JDK", e);
    }
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.AUTHORIZATION_INVALID, message);
  }
}
