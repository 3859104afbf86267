package io.klingtracker.signature;

import io.klingtracker.secret.Hashes;
import java.security.SecureRandom;
import java.util.Base64;

/**
 * A tenant's {@code whsec_} secret, which the receiver shares. Prints as nothing.
 *
 * @see <a href="https://www.standardwebhooks.com">Standard Webhooks</a>
 */
public final class SigningSecret {

  private static final String PREFIX = "whsec_";
  private static final int GENERATED_BYTES = 32;

  /** The specification's bounds, 192 to 512 bits. */
  private static final int MIN_BYTES = 24;

  private static final int MAX_BYTES = 64;

  private final byte[] key;

  private SigningSecret(byte[] key) {
    this.key = key;
  }

  /** A new secret, fit to be handed to a tenant. */
  public static SigningSecret generate(SecureRandom random) {
    byte[] key = new byte[GENERATED_BYTES];
    random.nextBytes(key);
    return new SigningSecret(key);
  }

  /**
   * Reads {@code whsec_} + base64.
   *
   * @throws IllegalArgumentException naming the rule broken, never the secret
   */
  public static SigningSecret parse(String text) {
    if (!text.startsWith(PREFIX)) {
      throw new IllegalArgumentException("a webhook secret starts with " + PREFIX);
    }
    return ofKey(decode(text.substring(PREFIX.length())));
  }

  /** The secret whose raw key this is, as it comes out of the database. */
  public static SigningSecret ofKey(byte[] key) {
    if (key.length < MIN_BYTES || key.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "a webhook secret has " + MIN_BYTES + " to " + MAX_BYTES + " bytes, not " + key.length);
    }
    return new SigningSecret(key.clone());
  }

  private static byte[] decode(String base64) {
    try {
      return Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("a webhook secret is base64 after its prefix", e);
    }
  }

  /** The raw key, for sealing. */
  public byte[] key() {
    return key.clone();
  }

  /** What the tenant is shown, once. */
  public String reveal() {
    return PREFIX + Base64.getEncoder().encodeToString(key);
  }

  /** HMAC-SHA256 of what is signed. */
  byte[] sign(byte[] content) {
    return Hashes.hmacSha256(key, content);
  }

  @Override
  public String toString() {
    return PREFIX + "…";
  }
}
