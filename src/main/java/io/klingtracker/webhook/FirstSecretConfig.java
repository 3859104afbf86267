package io.klingtracker.webhook;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.Optional;

/** The webhook secret of the first tenant, which is made at start-up. */
@ConfigMapping(prefix = "tracker.bootstrap")
public interface FirstSecretConfig {

  /** The first tenant. */
  @WithDefault("default")
  String tenant();

  /** Its {@code whsec_…}, put in place when it has none yet; without it one is made. */
  Optional<String> webhookSecret();
}
