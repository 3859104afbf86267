package io.klingtracker.signature;

import io.klingtracker.secret.Secrets;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.EdECPublicKey;
import java.security.spec.NamedParameterSpec;
import java.util.Base64;
import java.util.List;

/**
 * The service's own ed25519 key pair: receivers that share no secret check {@code v1a} signatures
 * with its public half.
 */
public final class SigningKey {

  private static final String PURPOSE = "webhook-ed25519";
  private static final String ALGORITHM = "Ed25519";
  private static final int SEED_BYTES = 32;

  private final PrivateKey privateKey;
  private final byte[] publicKey;

  private SigningKey(PrivateKey privateKey, byte[] publicKey) {
    this.privateKey = privateKey;
    this.publicKey = publicKey;
  }

  /** The service's pair, which is derived from {@code tracker.secret}. */
  public static SigningKey of(Secrets secrets) {
    return ofSeed(secrets.derive(PURPOSE));
  }

  /** The service's pair and its former ones, under which receivers may still hold signatures. */
  public static List<SigningKey> all(Secrets secrets) {
    return secrets.deriveAll(PURPOSE).stream().map(SigningKey::ofSeed).toList();
  }

  /** The pair that belongs to a seed: the same seed, the same pair, on every replica. */
  static SigningKey ofSeed(byte[] seed) {
    if (seed.length != SEED_BYTES) {
      throw new IllegalArgumentException("an ed25519 seed has 32 bytes, not " + seed.length);
    }
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance(ALGORITHM);
      // The JDK derives a public key only while it generates a pair, so it is dealt our seed.
      generator.initialize(NamedParameterSpec.ED25519, new SeedOnly(seed));
      KeyPair pair = generator.generateKeyPair();
      return new SigningKey(pair.getPrivate(), encode((EdECPublicKey) pair.getPublic()));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java since 15 has " + ALGORITHM, e);
    }
  }

  /** RFC 8032: y little-endian, the sign of x in the top bit. */
  private static byte[] encode(EdECPublicKey key) {
    byte[] encoded = new byte[SEED_BYTES];
    BigInteger y = key.getPoint().getY();
    byte[] bigEndian = y.toByteArray();
    for (int i = 0; i < Math.min(bigEndian.length, SEED_BYTES); i++) {
      encoded[i] = bigEndian[bigEndian.length - 1 - i];
    }
    if (key.getPoint().isXOdd()) {
      encoded[SEED_BYTES - 1] |= (byte) 0x80;
    }
    return encoded;
  }

  /** The public half as Standard Webhooks writes it. */
  public String publicKey() {
    return "whpk_" + Base64.getEncoder().encodeToString(publicKey);
  }

  /** The signature of what is signed, 64 bytes. */
  byte[] sign(byte[] content) {
    try {
      Signature signature = Signature.getInstance(ALGORITHM);
      signature.initSign(privateKey);
      signature.update(content);
      return signature.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("could not sign with ed25519", e);
    }
  }

  /** Deals the seed and nothing else. */
  private static final class SeedOnly extends SecureRandom {

    private static final long serialVersionUID = 1L;

    @SuppressWarnings("serial") // never serialized
    private final byte[] seed;

    private SeedOnly(byte[] seed) {
      this.seed = seed.clone();
    }

    @Override
    public void nextBytes(byte[] bytes) {
      System.arraycopy(seed, 0, bytes, 0, bytes.length);
    }
  }
}
