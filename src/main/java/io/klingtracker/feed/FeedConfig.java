package io.klingtracker.feed;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the feed and its streams. */
@ConfigMapping(prefix = "tracker.feed")
public interface FeedConfig {

  /** How long a reader that was sent back may take to catch up; then its stream ends. */
  @WithDefault("30s")
  Duration catchUp();

  /** How often a silent stream says that it is alive. */
  @WithDefault("15s")
  Duration heartbeat();
}
