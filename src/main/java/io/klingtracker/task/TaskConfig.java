package io.klingtracker.task;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the core. */
@ConfigMapping(prefix = "tracker.task")
public interface TaskConfig {

  /** How long an Idempotency-Key is remembered. */
  @WithDefault("24h")
  Duration idempotencyLife();

  /** How submissions are stored. */
  Submit submit();

  /** See {@link #submit()}. */
  interface Submit {
    /** Submissions that may wait to be stored; more are answered 503. */
    @WithDefault("2048")
    int queue();
  }
}
