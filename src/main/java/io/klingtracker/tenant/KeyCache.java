package io.klingtracker.tenant;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keys looked up lately, for a few seconds. Keys that do not exist are remembered apart, so that a
 * flood of them cannot push out the real ones.
 */
final class KeyCache {

  /** How many keys are remembered, and as many that are none: some hundred bytes each. */
  static final int SIZE = 10_000;

  private final Clock clock;
  private final Duration life;
  private final Cache<String, Known> known;

  /** With the end of what was found of each. */
  private final Cache<String, Instant> unknown;

  private record Known(Caller caller, Instant until) {}

  KeyCache(Clock clock, Duration life, int size) {
    this.clock = clock;
    this.life = life;
    this.known = Caches.afterWrite(size, life, clock);
    this.unknown = Caches.afterWrite(size, life, clock);
  }

  Optional<Caller> get(String name, Supplier<Optional<Caller>> lookUp) {
    // The age counts from before the look: a revocation between look and now is felt in time.
    Instant now = clock.instant();
    Caller caller = peek(name, now);
    if (caller == null && !isUnknown(name, now)) {
      caller = lookUp.get().orElse(null);
      put(name, caller, now.plus(life));
    }
    return caller != null && caller.usableAt(now) ? Optional.of(caller) : Optional.empty();
  }

  /** Whether {@link #get} would ask nobody. */
  boolean has(String name) {
    Instant now = clock.instant();
    return peek(name, now) != null || isUnknown(name, now);
  }

  /** Forgets a key that was revoked here, and every key that was changed. */
  void clear() {
    known.invalidateAll();
  }

  private @Nullable Caller peek(String name, Instant now) {
    Known found = known.getIfPresent(name);
    return found != null && now.isBefore(found.until()) ? found.caller() : null;
  }

  private boolean isUnknown(String name, Instant now) {
    Instant until = unknown.getIfPresent(name);
    return until != null && now.isBefore(until);
  }

  private void put(String name, @Nullable Caller caller, Instant until) {
    if (caller == null) {
      unknown.put(name, until);
    } else {
      known.put(name, new Known(caller, until));
    }
  }
}
