package io.klingtracker.secret;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The hashes that we use, of what every JDK has. */
public final class Hashes {

  private static final String SHA_256 = "SHA-256";
  private static final String HMAC_SHA_256 = "HmacSHA256";

  private Hashes() {}

  /** SHA-256 of texts that follow each other. */
  public static byte[] sha256(byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance(SHA_256);
      for (byte[] part : parts) {
        digest.update(part);
      }
      return digest.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(SHA_256 + " is part of every JDK", e);
    }
  }

  /** HMAC-SHA256 of a text under a key. */
  public static byte[] hmacSha256(byte[] key, byte[] text) {
    try {
      Mac mac = Mac.getInstance(HMAC_SHA_256);
      mac.init(new SecretKeySpec(key, HMAC_SHA_256));
      return mac.doFinal(text);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(HMAC_SHA_256 + " is part of every JDK", e);
    }
  }
}
