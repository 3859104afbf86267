package io.klingtracker.signature;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * The {@code webhook-signature} header of Standard Webhooks: one part for each live secret, so that
 * a receiver can change its secret while either is good.
 */
public final class WebhookSigner {

  private WebhookSigner() {}

  /**
   * Signs one attempt.
   *
   * @param id the {@code webhook-id}, the same on every attempt
   * @param at the {@code webhook-timestamp}, this attempt's
   * @param secrets live secrets, newest first
   * @param key signs a {@code v1a} part as well, if there is one
   */
  public static String sign(
      String id, Instant at, byte[] body, List<SigningSecret> secrets, @Nullable SigningKey key) {
    byte[] content = content(id, at, body);
    StringJoiner parts = new StringJoiner(" ");
    for (SigningSecret secret : secrets) {
      parts.add("v1," + base64(secret.sign(content)));
    }
    if (key != null) {
      parts.add("v1a," + base64(key.sign(content)));
    }
    return parts.toString();
  }

  private static byte[] content(String id, Instant at, byte[] body) {
    byte[] head = (id + '.' + at.getEpochSecond() + '.').getBytes(StandardCharsets.UTF_8);
    byte[] content = new byte[head.length + body.length];
    System.arraycopy(head, 0, content, 0, head.length);
    System.arraycopy(body, 0, content, head.length, body.length);
    return content;
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }
}
