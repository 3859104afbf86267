package io.klingtracker.watch;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Bounds of waiting for changes: long-polls and streams. */
@ConfigMapping(prefix = "tracker.watch")
public interface WatchConfig {

  /** Most streams and long-polls of one replica, all tenants together. */
  @WithDefault("20000")
  int maxWatchers();
}
