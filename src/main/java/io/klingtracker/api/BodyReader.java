package io.klingtracker.api;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.rules.Body;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.Semaphore;
import java.util.function.Function;

/** Reads request bodies within bounds of size, and of how many large ones are held at a time. */
@Singleton
class BodyReader {

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final int small;
  private final int large;
  private final Semaphore largeAtOnce;

  @Inject
  BodyReader(ApiConfig config) {
    this.small = config.maxBody();
    this.large = Math.max(config.maxBody(), config.maxMediaBody());
    this.largeAtOnce = new Semaphore(config.maxMediaAtOnce());
  }

  /**
   * Reads a body and works on it.
   *
   * @param media whether it may hold pictures or sound
   * @throws ProblemException when it is too large, is no JSON we take, or too many large ones are
   *     being read
   */
  <T> T read(InputStream in, boolean media, Function<Body, T> work) {
    byte[] start = upTo(in, small + 1);
    if (start.length <= small) {
      return work.apply(Body.parse(start, small));
    }
    if (!media) {
      throw Body.tooLarge(small);
    }
    if (!largeAtOnce.tryAcquire()) {
      throw new ProblemException(
          ErrorCode.RATE_LIMITED, "too many large requests at a time; try again", RETRY);
    }
    try {
      byte[] rest = upTo(in, large + 1 - start.length);
      byte[] whole = Arrays.copyOf(start, start.length + rest.length);
      System.arraycopy(rest, 0, whole, start.length, rest.length);
      return work.apply(Body.parse(whole, large));
    } finally {
      largeAtOnce.release();
    }
  }

  private static byte[] upTo(InputStream in, int most) {
    try {
      return in.readNBytes(most);
    } catch (IOException e) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST, "The request body ended before it was complete.");
    }
  }
}
