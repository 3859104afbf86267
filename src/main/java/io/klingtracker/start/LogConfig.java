package io.klingtracker.start;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How the log is written. */
@ConfigMapping(prefix = "tracker.log")
public interface LogConfig {

  /** Whether each record is one line of JSON. */
  @WithDefault("false")
  boolean json();
}
