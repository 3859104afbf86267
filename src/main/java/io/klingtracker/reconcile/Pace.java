package io.klingtracker.reconcile;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Spreads calls so that no account gets more than so many a second. */
final class Pace {

  private final Duration interval;
  private final Map<String, Instant> next = new ConcurrentHashMap<>();

  Pace(int callsPerSecond) {
    this.interval = Duration.ofSeconds(1).dividedBy(Math.max(1, callsPerSecond));
  }

  /** Takes the account's next turn; how long to wait for it. */
  Duration turn(String account, Instant now) {
    Instant turn =
        next.merge(
            account,
            now,
            (last, ignored) -> {
              Instant after = last.plus(interval);
              return after.isBefore(now) ? now : after;
            });
    return Duration.between(now, turn);
  }
}
