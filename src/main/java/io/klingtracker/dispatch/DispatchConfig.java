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

  /** A claim that is not renewed for this long is another replica's to take. */
  @WithDefault("15s")
  Duration lease();

  /** The net under the wake-ups. */
  @WithDefault("500ms")
  Duration poll();

  /** First wait after a create that Kling put off. */
  @WithDefault("1s")
  Duration retryFirst();

  /** Longest wait between two tries. */
  @WithDefault("60s")
  Duration retryCap();

  /**
   * A create that Kling does not know is not sent again before this much time has passed since it
   * left.
   */
  @WithDefault("30s")
  Duration resendAfter();

  /** Whether this replica dispatches at all. */
  @WithDefault("true")
  boolean enabled();
}
