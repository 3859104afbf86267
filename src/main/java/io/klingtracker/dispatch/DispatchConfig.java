package io.klingtracker.dispatch;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the dispatcher. */
@ConfigMapping(prefix = "tracker.dispatch")
public interface DispatchConfig {

  /** Most tasks claimed at once. */
  @WithDefault("50")
  int batch();

  /** Most calls under way at once. */
  @WithDefault("200")
  int maxInFlight();

  /**
   * Most queues (a tenant's tasks for one model) looked at in one pass; the next continues there.
   */
  @WithDefault("1000")
  int queues();

  /** The fallback poll, should a wake-up be lost. */
  @WithDefault("500ms")
  Duration poll();

  /** Least time between two looks into the queue when there was nothing more to send. */
  @WithDefault("10ms")
  Duration rest();

  /** First wait after a create that Kling deferred. */
  @WithDefault("1s")
  Duration retryFirst();

  /** Longest wait between two tries. */
  @WithDefault("60s")
  Duration retryCap();

  /** Whether this replica dispatches at all. */
  @WithDefault("true")
  boolean enabled();

  /** At shutdown, how long answers that are under way are waited for. */
  @WithDefault("5s")
  Duration drain();

  /** Limits lowered by 1303. */
  Limit limit();

  /** Parked accounts. */
  Probe probe();

  /** Accounts that do not answer. */
  Breaker breaker();

  /** How often the gauges are counted. */
  @WithDefault("15s")
  Duration gauges();

  /** Limits lowered by 1303. */
  interface Limit {
    /** First wait before a lowered limit is raised. */
    @WithDefault("1s")
    Duration raiseFirst();

    /** Longest such wait, where raising it failed again and again. */
    @WithDefault("30s")
    Duration raiseCap();
  }

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
    /** Failures in a row that open the breaker. */
    @WithDefault("5")
    int failures();

    /** First time that it stays open. */
    @WithDefault("2s")
    Duration openFirst();

    /** Longest time that it stays open. */
    @WithDefault("60s")
    Duration openCap();
  }
}
