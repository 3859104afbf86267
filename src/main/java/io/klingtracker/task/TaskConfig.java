package io.klingtracker.task;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the core. */
@ConfigMapping(prefix = "tracker.task")
public interface TaskConfig {

  /**
   * How long Kling keeps a result (30 days by its documentation); counted from when we received it.
   */
  @WithDefault("30D")
  Duration resultLife();

  /** How long an Idempotency-Key is remembered. */
  @WithDefault("24h")
  Duration idempotencyLife();

  /** How often keys whose time is over are forgotten. */
  @WithDefault("1m")
  Duration sweepEvery();

  /** Most keys forgotten in one statement: small enough that it never holds up a submission. */
  @WithDefault("1000")
  int sweepBatch();

  /** How submissions are stored. */
  Submit submit();

  /** See {@link #submit()}. */
  interface Submit {
    /** Submissions that may wait to be stored; more are answered 503. */
    @WithDefault("2048")
    int queue();

    /** Groups stored at the same time. */
    @WithDefault("1")
    int writers();

    /** Most submissions stored in one statement. */
    @WithDefault("128")
    int batch();
  }
}
