package io.klingtracker.tenant;

import io.klingtracker.secret.Hashes;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.zip.CRC32;

/**
 * The form of the keys that we make: a prefix that names what it is, random bytes in base 62, and a
 * checksum, so that a mistyped or made-up key is refused without asking the database.
 */
enum KeyFormat {
  /** A tenant's API key. */
  API("sk-", 32),
  /** The public half of a tenant's pair, the {@code iss} of its tokens. */
  ACCESS("ak-", 16),
  /** A key of {@code /admin/v1}. */
  ADMIN("adm-", 32);

  private static final String ALPHABET =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  private static final BigInteger BASE = BigInteger.valueOf(ALPHABET.length());
  private static final int CHECKSUM = 6;
  private static final int SHOWN = 6;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final String prefix;
  private final int bytes;
  private final int characters;

  KeyFormat(String prefix, int bytes) {
    this.prefix = prefix;
    this.bytes = bytes;
    // log(256) / log(62) characters a byte.
    this.characters = (int) Math.ceil(bytes * 8 / (Math.log(62) / Math.log(2)));
  }

  String make() {
    byte[] random = new byte[bytes];
    RANDOM.nextBytes(random);
    String text = prefix + base62(new BigInteger(1, random), characters);
    return text + checksum(text);
  }

  /** Whether a text is one that {@link #make} could have made; says nothing of whether it did. */
  boolean fits(String text) {
    int length = prefix.length() + characters;
    return text.length() == length + CHECKSUM
        && text.startsWith(prefix)
        && checksum(text.substring(0, length)).equals(text.substring(length));
  }

  /** What may be shown of a key. */
  static String shown(String key) {
    int dash = key.indexOf('-') + 1;
    return key.substring(0, Math.min(key.length(), dash + SHOWN));
  }

  /** What a key is stored and looked up by. */
  static byte[] hash(String key) {
    return Hashes.sha256(key.getBytes(StandardCharsets.UTF_8));
  }

  private static String checksum(String text) {
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(StandardCharsets.UTF_8));
    return base62(BigInteger.valueOf(crc.getValue()), CHECKSUM);
  }

  private static String base62(BigInteger number, int length) {
    char[] text = new char[length];
    BigInteger rest = number;
    for (int i = length - 1; i >= 0; i--) {
      BigInteger[] parts = rest.divideAndRemainder(BASE);
      text[i] = ALPHABET.charAt(parts[1].intValue());
      rest = parts[0];
    }
    return new String(text);
  }
}
