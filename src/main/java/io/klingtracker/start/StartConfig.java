package io.klingtracker.start;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithName;
import java.time.Duration;

/** What a start waits for. */
@ConfigMapping(prefix = "tracker.start")
public interface StartConfig {

  /**
   * How long a start waits for what only others can end: a PostgreSQL that is away, another
   * replica's migration, or a transaction whose locks a migration needs.
   */
  @WithDefault("10m")
  @WithName("wait")
  Duration most();
}
