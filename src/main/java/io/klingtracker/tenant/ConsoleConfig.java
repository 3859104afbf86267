package io.klingtracker.tenant;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** The console. */
@ConfigMapping(prefix = "tracker.console")
public interface ConsoleConfig {

  /** Whether there is one; without it its paths are unknown. */
  @WithDefault("true")
  boolean enabled();

  /** Whether prompts are left out of its pages, for screens that others see. */
  @WithDefault("false")
  boolean hidePrompts();
}
