package io.klingtracker.watch;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** The bound of one request's wait. */
@ConfigMapping(prefix = "tracker.api")
public interface LongPollConfig {

  /** Longest {@code wait} of a long-poll and of {@code Prefer: wait}. */
  @WithDefault("60s")
  Duration maxWait();
}
