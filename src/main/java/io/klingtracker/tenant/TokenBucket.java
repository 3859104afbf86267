package io.klingtracker.tenant;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

/** One key's tokens on this replica, and what other replicas took. */
final class TokenBucket {

  /** Debts to other replicas beyond so many seconds of the rate are forgiven. */
  private static final int MAX_DEBT = 10;

  /**
   * Parallel callers bring their times a little out of order; whoever is later than this after
   * another's has a clock that was set back.
   */
  private static final Duration DISORDER = Duration.ofSeconds(5);

  private final Instant begun;
  private final int burst;
  private double tokens;
  private Instant at;
  private long used;
  private long shared = -1;
  private boolean asked;
  private boolean synced;
  private final Map<UUID, Long> others = new HashMap<>();
  private double owed;

  TokenBucket(int burst, Instant now) {
    this.burst = burst;
    this.tokens = burst;
    this.begun = now;
    this.at = now;
  }

  /** Takes a token; or says how long until there is one. */
  synchronized Duration take(double rate, int burst, Instant now) {
    double seconds = Math.max(0, Duration.between(at, now).toNanos() / 1e9);
    // Had an earlier time moved it back, the time between would be counted twice. A clock that was
    // set back adds nothing either, but is followed.
    if (now.isAfter(at) || now.isBefore(at.minus(DISORDER))) {
      at = now;
    }
    asked = true;
    tokens = Math.min(burst, tokens + seconds * rate);
    tokens = Math.max(tokens - owed, -rate * MAX_DEBT);
    owed = 0;
    if (tokens >= 1) {
      tokens -= 1;
      used++;
      return Duration.ZERO;
    }
    return Duration.ofMillis((long) Math.ceil((1 - tokens) / rate * 1000));
  }

  /**
   * What another replica ever took, as far as it is remembered, and when it shared it. Of what it
   * took before this bucket was there no more counts than a burst, and nothing if it has been
   * silent since.
   */
  synchronized void addRemote(UUID replica, long total, Instant saidAt) {
    Long known = others.put(replica, total);
    if (known != null) {
      owed += Math.max(0, total - known);
    } else if (synced) {
      owed += total;
    } else if (!saidAt.isBefore(begun)) {
      owed += Math.min(total, burst);
    }
  }

  /** All that the other replicas have shared is counted. */
  synchronized void synced() {
    synced = true;
  }

  synchronized long used() {
    shared = used;
    asked = false;
    return used;
  }

  /** Whether there is something to share, or somebody whom the use of others limits. */
  synchronized boolean isActive() {
    return asked || shared != used;
  }

  synchronized boolean idleSince(Instant time) {
    return at.isBefore(time) && shared == used;
  }
}
