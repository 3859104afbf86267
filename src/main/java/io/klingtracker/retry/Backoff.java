package io.klingtracker.retry;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * Exponential back-off with a cap and jitter.
 *
 * @param first the wait after the first failure
 * @param cap the longest wait, before jitter
 * @param jitter share of the wait, 0 to 1, by which it may be shorter or longer
 */
public record Backoff(Duration first, Duration cap, double jitter) {

  /** The share that every loop of ours takes: enough to part those that failed together. */
  public static final double JITTER = 0.2;

  /** Enough doublings to pass any sensible cap; keeps the shift from overflowing. */
  private static final int MAX_DOUBLINGS = 40;

  public Backoff {
    if (first.isNegative() || first.isZero() || cap.compareTo(first) < 0) {
      throw new IllegalArgumentException(
          "back-off needs 0 < first <= cap, got " + first + ", " + cap);
    }
    if (jitter < 0 || jitter > 1) {
      throw new IllegalArgumentException("back-off jitter must be 0 to 1, got " + jitter);
    }
  }

  /** With {@link #JITTER}. */
  public Backoff(Duration first, Duration cap) {
    this(first, cap, JITTER);
  }

  /** Waits that begin with {@code first}, or with their cap where that is less. */
  public static Backoff capped(Duration first, Duration cap) {
    return new Backoff(cap.compareTo(first) < 0 ? cap : first, cap);
  }

  /**
   * The wait before the next try.
   *
   * @param failures how many tries have failed, at least 1
   * @param random source of the jitter
   */
  public Duration after(int failures, RandomGenerator random) {
    double doubled =
        first.toMillis() * Math.pow(2, Math.min(Math.max(failures, 1) - 1, MAX_DOUBLINGS));
    double capped = Math.min(doubled, cap.toMillis());
    return Duration.ofMillis(Math.max(1, Math.round(capped * spread(jitter, random))));
  }

  /**
   * By how much a wait is multiplied: 1 with no jitter, else evenly drawn around it.
   *
   * @param jitter share of the wait, 0 to 1, by which it may be shorter or longer
   */
  public static double spread(double jitter, RandomGenerator random) {
    return 1 + jitter * (2 * random.nextDouble() - 1);
  }
}
