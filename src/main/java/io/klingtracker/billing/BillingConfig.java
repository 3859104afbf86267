package io.klingtracker.billing;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How Kling is asked what it took. */
@ConfigMapping(prefix = "tracker.billing")
public interface BillingConfig {

  /** How often each account is asked for its packs and deductions. */
  @WithDefault("1h")
  Duration every();
}
