package io.klingtracker.feed;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the feed and its streams. */
@ConfigMapping(prefix = "tracker.feed")
public interface FeedConfig {

  /** The fallback poll, should a wake-up be lost of followers. */
  @WithDefault("1s")
  Duration poll();

  /** Most events read by one statement for one reader. */
  @WithDefault("200")
  int page();

  /**
   * Most events kept for a reader that is slower than its tenant's events; beyond that it is sent
   * back to reading from the database.
   */
  @WithDefault("200")
  int buffer();

  /** How long a reader that was sent back may take to catch up; then its stream ends. */
  @WithDefault("30s")
  Duration catchUp();

  /** How often a silent stream says that it is alive. */
  @WithDefault("15s")
  Duration heartbeat();
}
