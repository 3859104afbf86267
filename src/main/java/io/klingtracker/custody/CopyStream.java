package io.klingtracker.custody;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Counts and digests what is copied, and ends a copy that grows too large. */
final class CopyStream extends FilterInputStream {

  private final MessageDigest digest = sha256();
  private final long most;
  private final long expected;
  private long bytes;

  /** There is more than may be copied. */
  static final class TooLargeException extends IOException {

    private static final long serialVersionUID = 1L;

    TooLargeException(long most) {
      super("it is larger than " + most + " bytes");
    }
  }

  /**
   * A copy.
   *
   * @param most bytes
   * @param expected bytes as the server said; -1 where it did not
   */
  CopyStream(InputStream in, long most, long expected) throws TooLargeException {
    super(in);
    this.most = most;
    this.expected = expected;
    if (expected > most) {
      throw new TooLargeException(most);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is part of every JDK", e);
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    int read = super.read(into, offset, length);
    if (read < 0) {
      if (expected >= 0 && bytes != expected) {
        throw new IOException("%s bytes came of %s".formatted(bytes, expected));
      }
      return read;
    }
    digest.update(into, offset, read);
    bytes += read;
    if (bytes > most) {
      throw new TooLargeException(most);
    }
    return read;
  }

  @Override
  public boolean markSupported() {
    return false;
  }

  /** How many were read. */
  long bytes() {
    return bytes;
  }

  /** Of what was read; to be asked once. */
  byte[] digest() {
    return digest.digest();
  }
}
