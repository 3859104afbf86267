package io.klingtracker.api;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Bounds of asking. */
@ConfigMapping(prefix = "tracker.api")
public interface ReadConfig {

  /** How many final tasks are remembered for the next to ask. */
  @WithDefault("2000")
  int cacheSize();
}
