package io.klingtracker.feed;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the feed and its streams. */
@ConfigMapping(prefix = "tracker.feed")
public interface FeedConfig {

  /** How often a silent stream says that it is alive. */
  @WithDefault("15s")
  Duration heartbeat();
}
