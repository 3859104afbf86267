package io.klingtracker.dispatch;

import io.klingtracker.retry.Backoff;
import java.time.Clock;
import java.time.Instant;
import java.util.random.RandomGenerator;

/**
 * Stops sending to an account that does not answer, on this replica: after so many failures in a
 * row nothing is sent for a while, then one task is tried. What Kling refuses is an answer.
 */
final class Breaker {

  /** Its states; the order is that of the metric. */
  enum State {
    CLOSED,
    HALF_OPEN,
    OPEN;

    String wireName() {
      return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }
  }

  private final int threshold;
  private final Backoff backoff;
  private final Clock clock;
  private final RandomGenerator random;
  private int failures;
  private int openings;
  private Instant until = Instant.MIN;
  private boolean trying;

  Breaker(int threshold, Backoff backoff, Clock clock, RandomGenerator random) {
    this.threshold = threshold;
    this.backoff = backoff;
    this.clock = clock;
    this.random = random;
  }

  /** Half-open means that one task may be tried; while it is under way the breaker is open. */
  synchronized State state() {
    if (openings == 0) {
      return State.CLOSED;
    }
    return trying || clock.instant().isBefore(until) ? State.OPEN : State.HALF_OPEN;
  }

  /** The one task of a half-open breaker leaves. */
  synchronized void tries() {
    trying = state() == State.HALF_OPEN;
  }

  /** Kling answered, whatever it said. */
  synchronized void answered() {
    failures = 0;
    openings = 0;
    trying = false;
  }

  /** No connection, no answer, or none that can be read. */
  synchronized void failed() {
    failures++;
    boolean tried = trying;
    trying = false;
    if (tried || failures >= threshold && openings == 0) {
      openings++;
      until = clock.instant().plus(backoff.after(openings, random));
    }
  }
}
