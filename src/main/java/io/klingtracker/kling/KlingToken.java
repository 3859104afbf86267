package io.klingtracker.kling;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.klingtracker.secret.Hashes;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The bearer token of one account: the API key as it is, or a JWT signed with the key pair as
 * Kling's documentation asks (HS256, {@code iss} the access key, {@code exp} 1800 s ahead, {@code
 * nbf} 5 s back), cached and signed again well before it expires.
 */
final class KlingToken {

  private static final Duration LIFE = Duration.ofSeconds(1800);
  private static final Duration BACKDATED = Duration.ofSeconds(5);

  /** A call may wait for its turn and then for its answer; the token must outlive both. */
  private static final Duration RENEW_BEFORE = Duration.ofMinutes(5);

  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();
  private static final String HEADER =
      BASE64.encodeToString("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".getBytes(StandardCharsets.UTF_8));

  private record Signed(String token, Instant expires) {}

  private final Optional<String> apiKey;
  private final String accessKey;
  private final String secretKey;
  private final Clock clock;
  private volatile @Nullable Signed signed;

  KlingToken(KlingConfig.Account account, Clock clock) {
    this.apiKey = account.apiKey();
    this.accessKey = account.accessKey().orElse("");
    this.secretKey = account.secretKey().orElse("");
    this.clock = clock;
  }

  /**
   * The value after {@code Bearer }. The newer generation takes API keys only; an account that has
   * a pair as well uses it where Kling's own clients do.
   *
   * @param path Kling's path
   */
  String value(String path) {
    if (usesKey(path)) {
      return apiKey.orElse("");
    }
    Signed current = signed;
    Instant now = clock.instant();
    if (current == null || now.isAfter(current.expires().minus(RENEW_BEFORE))) {
      current = sign(now);
      signed = current;
    }
    return current.token();
  }

  /**
   * Forgets the cached JWT, so that the next call signs anew. False for an API key, which would be
   * the same again.
   */
  boolean renew(String path) {
    signed = null;
    return !usesKey(path);
  }

  /** Which of the account's is sent on this path. */
  Credential credential(String path) {
    return usesKey(path) ? Credential.API_KEY : Credential.KEY_PAIR;
  }

  private boolean usesKey(String path) {
    return accessKey.isEmpty() || apiKey.isPresent() && !path.startsWith("/v1/");
  }

  private Signed sign(Instant now) {
    Instant expires = now.plus(LIFE);
    String claims =
        JsonNodeFactory.instance
            .objectNode()
            .put("iss", accessKey)
            .put("exp", expires.getEpochSecond())
            .put("nbf", now.minus(BACKDATED).getEpochSecond())
            .toString();
    String text = HEADER + "." + BASE64.encodeToString(claims.getBytes(StandardCharsets.UTF_8));
    byte[] signature =
        Hashes.hmacSha256(
            secretKey.getBytes(StandardCharsets.UTF_8), text.getBytes(StandardCharsets.UTF_8));
    return new Signed(text + "." + BASE64.encodeToString(signature), expires);
  }
}
