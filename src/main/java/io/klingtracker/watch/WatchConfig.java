package io.klingtracker.watch;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of waiting for changes: long-polls and streams. */
@ConfigMapping(prefix = "tracker.watch")
public interface WatchConfig {

  /** Most streams and long-polls of one replica, all tenants together. */
  @WithDefault("20000")
  int maxWatchers();

  /** Changes that may wait to be passed on; more are replaced by waking everybody once. */
  @WithDefault("10000")
  int queue();

  /**
   * Least time between two announcements to the other replicas; what happens in between shares one.
   */
  @WithDefault("25ms")
  Duration announcePause();

  /**
   * The fallback: nobody sleeps longer than this without a look, should an announcement be lost.
   */
  @WithDefault("10s")
  Duration fallbackPoll();
}
