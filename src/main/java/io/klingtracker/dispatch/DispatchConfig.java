package io.klingtracker.dispatch;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the dispatcher. */
@ConfigMapping(prefix = "tracker.dispatch")
public interface DispatchConfig {

  /** Most calls under way at once. */
  @WithDefault("200")
  int maxInFlight();

  /** Longest wait between two tries of a create that Kling deferred; the first is a second. */
  @WithDefault("60s")
  Duration retryCap();

  /** Whether this replica dispatches at all. */
  @WithDefault("true")
  boolean enabled();

  /** Parked accounts. */
  Probe probe();

  /** Accounts that do not answer. */
  Breaker breaker();

  /** Parked accounts. */
  interface Probe {
    /** First wait before a parked account is tried with one task. */
    @WithDefault("30s")
    Duration first();

    /** Longest such wait. */
    @WithDefault("10m")
    Duration cap();
  }

  /** Accounts that do not answer. */
  interface Breaker {
    /** Longest time that the breaker stays open; it begins with two seconds, and doubles. */
    @WithDefault("60s")
    Duration openCap();
  }
}
