package io.klingtracker.tenant;

import java.time.Duration;
import java.time.Instant;

/** One key's tokens on this replica, and what other replicas took. */
final class TokenBucket {

  /** Debts to other replicas beyond so many seconds of the rate are forgiven. */
  private static final int MOST_DEBT = 10;

  private double tokens;
  private Instant at;
  private long used;
  private long told = -1;
  private long others = -1;
  private double owed;

  TokenBucket(int burst, Instant now) {
    this.tokens = burst;
    this.at = now;
  }

  /** Takes a token; or says how long until there is one. */
  synchronized Duration take(double rate, int burst, Instant now) {
    // A clock that went back adds nothing.
    double seconds = Math.max(0, Duration.between(at, now).toMillis() / 1000.0);
    at = now;
    tokens = Math.min(burst, tokens + seconds * rate);
    tokens = Math.max(tokens - owed, -rate * MOST_DEBT);
    owed = 0;
    if (tokens >= 1) {
      tokens -= 1;
      used++;
      return Duration.ZERO;
    }
    return Duration.ofMillis((long) Math.ceil((1 - tokens) / rate * 1000));
  }

  /** What all others ever took, as far as it is remembered. */
  synchronized void others(long total) {
    if (others >= 0 && total > others) {
      owed += total - others;
    }
    others = total;
  }

  synchronized long used() {
    told = used;
    return used;
  }

  synchronized boolean changed() {
    return told != used;
  }

  synchronized boolean idleSince(Instant time) {
    return at.isBefore(time) && told == used;
  }
}
