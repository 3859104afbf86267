package io.klingtracker.callback;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.secret.Hashes;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks the Standard Webhooks signature that Kling puts on callbacks of accounts with a Webhook
 * Secret: HMAC-SHA256 over {@code id.timestamp.body} under the base 64 after {@code whsec_}; any
 * {@code v1} part may match; the timestamp must be near.
 */
final class KlingSignature {

  private static final String PREFIX = "whsec_";

  private final List<byte[]> keys;

  /** How far a signed callback's timestamp may be from our clock. */
  static final Duration TOLERANCE = Duration.ofMinutes(5);

  /**
   * Takes an account's secrets.
   *
   * @throws IllegalArgumentException when one is not {@code whsec_} and base 64
   */
  KlingSignature(List<String> secrets) {
    this.keys = secrets.stream().map(KlingSignature::key).toList();
  }

  /** By account, of those that have secrets. */
  static Map<String, KlingSignature> of(KlingConfig kling) {
    Map<String, KlingSignature> signatures = new HashMap<>();
    kling
        .accounts()
        .forEach(
            (name, account) ->
                account
                    .webhookSecrets()
                    .ifPresent(secrets -> signatures.put(name, new KlingSignature(secrets))));
    return Map.copyOf(signatures);
  }

  private static byte[] key(String secret) {
    if (!secret.startsWith(PREFIX)) {
      throw new IllegalArgumentException("a webhook secret starts with " + PREFIX);
    }
    return Base64.getDecoder().decode(secret.substring(PREFIX.length()));
  }

  /** Whether the headers prove that the body is Kling's and recent. */
  boolean proves(
      @Nullable String id,
      @Nullable String timestamp,
      @Nullable String signature,
      byte[] body,
      Instant now) {
    if (id == null || timestamp == null || signature == null || !isNear(timestamp, now)) {
      return false;
    }
    byte[] head = (id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8);
    byte[] text = new byte[head.length + body.length];
    System.arraycopy(head, 0, text, 0, head.length);
    System.arraycopy(body, 0, text, head.length, body.length);
    boolean proved = false;
    for (byte[] key : keys) {
      byte[] right =
          ("v1," + Base64.getEncoder().encodeToString(Hashes.hmacSha256(key, text)))
              .getBytes(StandardCharsets.UTF_8);
      for (String part : signature.split(" ", 16)) {
        proved |= MessageDigest.isEqual(right, part.getBytes(StandardCharsets.UTF_8));
      }
    }
    return proved;
  }

  private boolean isNear(String timestamp, Instant now) {
    try {
      Instant sent = Instant.ofEpochSecond(Long.parseLong(timestamp));
      return Duration.between(sent, now).abs().compareTo(TOLERANCE) <= 0;
    } catch (NumberFormatException | java.time.DateTimeException | ArithmeticException e) {
      return false;
    }
  }
}
