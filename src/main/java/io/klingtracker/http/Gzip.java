package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Refusal;
import io.vertx.core.buffer.Buffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Bodies that come compressed. A body is known by its first two bytes, which no JSON begins with:
 * proxies unpack one and leave the header, or pack one and write none.
 */
final class Gzip {

  private static final byte FIRST = 0x1f;
  private static final byte SECOND = (byte) 0x8b;
  private static final int STEP = 16 << 10;

  private Gzip() {}

  static boolean is(Buffer body) {
    return body.length() > 1 && body.getByte(0) == FIRST && body.getByte(1) == SECOND;
  }

  /** Whether this {@code Content-Encoding} says that a body is as it is. */
  static boolean isNone(@Nullable String encoding) {
    String name = encoding == null ? "" : encoding.strip().toLowerCase(Locale.ROOT);
    return name.isEmpty() || name.equals("identity");
  }

  static ProblemException refusal() {
    return new ProblemException(
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "the body is compressed (Content-Encoding); send it as plain JSON");
  }

  /**
   * The body unpacked.
   *
   * @param most bytes; no more than that are ever unpacked
   * @param charge takes the memory of so many bytes more, or says why not
   * @throws ProblemException when it is too large, cannot be unpacked, or there is no memory
   */
  static Buffer unpack(Buffer packed, int most, IntFunction<Optional<Refusal>> charge) {
    Gathered plain = new Gathered();
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(packed.getBytes()), STEP)) {
      for (byte[] part = in.readNBytes(STEP); part.length > 0; part = in.readNBytes(STEP)) {
        if ((long) plain.length() + part.length > most) {
          throw new ProblemException(
              ErrorCode.BODY_TOO_LARGE,
              "The request body is larger than " + most + " bytes once it is unpacked.");
        }
        Optional<Refusal> full = charge.apply(part.length);
        if (full.isPresent()) {
          throw full.get().problem();
        }
        plain.add(Buffer.buffer(part));
      }
    } catch (IOException e) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST, "the body begins like gzip, but cannot be unpacked");
    }
    return plain.whole();
  }
}
