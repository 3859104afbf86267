package io.klingtracker.secret;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Everything that is derived from {@code tracker.secret}: one derived key per purpose, sealing
 * (AES-256-GCM) of secrets that we must store, and tokens. Reading also tries {@code
 * tracker.previous-secrets}, former values and those to come, so that a rotation breaks nothing.
 */
@Singleton
public class Secrets {

  /** Shortest root secret, in bytes of UTF-8. */
  public static final int MIN_BYTES = 32;

  private static final int NONCE_BYTES = 12;
  private static final int TAG_BITS = 128;
  private static final int TOKEN_BYTES = 24;
  private static final String SEALING = "sealing";

  private final List<byte[]> roots;
  private final LongAdder previousUses = new LongAdder();
  private final SecureRandom random = new SecureRandom();

  /** Whose a sealed value is. */
  enum SealedUnder {
    /** {@code tracker.secret}. */
    CURRENT,
    /** One of {@code tracker.previous-secrets}. */
    PREVIOUS,
    /** No configured secret. */
    NONE
  }

  @Inject
  Secrets(SecretConfig config) {
    this(config.secret().orElseThrow(), config.previousSecrets().orElse(List.of()));
  }

  /**
   * For tests and tools.
   *
   * @param current seals and signs
   * @param previous still opens and verifies
   */
  public Secrets(String current, List<String> previous) {
    List<byte[]> all = new ArrayList<>();
    all.add(current.getBytes(StandardCharsets.UTF_8));
    previous.forEach(old -> all.add(old.getBytes(StandardCharsets.UTF_8)));
    this.roots = List.copyOf(all);
  }

  /** A 32-byte key for one purpose; the same purpose always gives the same key. */
  public byte[] derive(String purpose) {
    return derive(roots.get(0), purpose);
  }

  /** The keys that {@link #derive} has given under each secret, the current one's first. */
  public List<byte[]> deriveAll(String purpose) {
    return roots.stream().map(root -> derive(root, purpose)).toList();
  }

  /** Encrypts; the answer carries its nonce and can be opened after a restart. */
  public byte[] seal(byte[] plain) {
    byte[] nonce = new byte[NONCE_BYTES];
    random.nextBytes(nonce);
    try {
      byte[] sealed = cipher(Cipher.ENCRYPT_MODE, derive(SEALING), nonce).doFinal(plain);
      return ByteBuffer.allocate(nonce.length + sealed.length).put(nonce).put(sealed).array();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("AES-GCM is part of every JDK", e);
    }
  }

  /**
   * Decrypts what {@link #seal} made under the current or a previous root secret.
   *
   * @throws IllegalStateException when no configured secret opens it
   */
  public byte[] open(byte[] sealed) {
    for (byte[] root : roots) {
      byte[] plain = open(root, sealed);
      if (plain != null) {
        return plain;
      }
    }
    throw new IllegalStateException(
        "a sealed secret opens with neither tracker.secret nor tracker.previous-secrets; add the old value to the latter");
  }

  /** Under which secret a value is sealed. */
  SealedUnder sealedUnder(byte[] sealed) {
    for (int i = 0; i < roots.size(); i++) {
      if (open(roots.get(i), sealed) != null) {
        return i == 0 ? SealedUnder.CURRENT : SealedUnder.PREVIOUS;
      }
    }
    return SealedUnder.NONE;
  }

  private static byte @Nullable [] open(byte[] root, byte[] sealed) {
    if (sealed.length < NONCE_BYTES) {
      return null;
    }
    byte[] nonce = Arrays.copyOf(sealed, NONCE_BYTES);
    try {
      return cipher(Cipher.DECRYPT_MODE, derive(root, SEALING), nonce)
          .doFinal(sealed, NONCE_BYTES, sealed.length - NONCE_BYTES);
    } catch (GeneralSecurityException e) {
      return null;
    }
  }

  /** How many tokens and cursors only a previous secret has verified, since the start. */
  long previousUses() {
    return previousUses.sum();
  }

  /** An unguessable, URL-safe token for a subject, for example a task's callback URL. */
  public String token(String purpose, String subject) {
    return token(roots.get(0), purpose, subject);
  }

  /**
   * Whether a token is the subject's, under the current or a previous secret; takes the same time
   * for each answer.
   */
  public boolean isToken(String purpose, String subject, String candidate) {
    byte[] given = candidate.getBytes(StandardCharsets.UTF_8);
    boolean current = false;
    boolean match = false;
    for (int i = 0; i < roots.size(); i++) {
      byte[] right = token(roots.get(i), purpose, subject).getBytes(StandardCharsets.UTF_8);
      boolean same = MessageDigest.isEqual(right, given);
      current |= same && i == 0;
      match |= same;
    }
    if (match && !current) {
      previousUses.increment();
    }
    return match;
  }

  private static String token(byte[] root, String purpose, String subject) {
    byte[] mac = Hashes.hmacSha256(derive(root, purpose), subject.getBytes(StandardCharsets.UTF_8));
    return Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOf(mac, TOKEN_BYTES));
  }

  private static byte[] derive(byte[] root, String purpose) {
    return Hashes.hmacSha256(
        root, ("kling-task-tracker/" + purpose).getBytes(StandardCharsets.UTF_8));
  }

  private static Cipher cipher(int mode, byte[] key, byte[] nonce) throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(mode, new SecretKeySpec(key, "AES"), new GCMParameterSpec(TAG_BITS, nonce));
    return cipher;
  }
}
