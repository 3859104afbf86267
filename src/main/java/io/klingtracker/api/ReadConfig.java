package io.klingtracker.api;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of asking. */
@ConfigMapping(prefix = "tracker.api")
public interface ReadConfig {

  /** How many final tasks are remembered for the next to ask. */
  @WithDefault("2000")
  int cacheSize();

  /** For how long they are; also how long a task that retention removed may still be shown. */
  @WithDefault("60s")
  Duration cacheTime();

  /** Tasks with a longer result are not remembered, in characters. */
  @WithDefault("16384")
  int cacheResult();

  /** Longest span of one usage report. */
  @WithDefault("366D")
  Duration maxUsageSpan();

  /** Longest time after the start that is spent on warming up before the service is ready. */
  @WithDefault("1s")
  Duration warmUp();
}
