package io.klingtracker.tracking;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/** Where Kling reaches us, and how patient we are. */
@ConfigMapping(prefix = "tracker")
public interface TrackingConfig {

  /** Base of the callback URLs; required, see StartupCheck. */
  Optional<URI> publicUrl();

  /** Without any news for this long a task is {@code expired}, softly. */
  @WithDefault("24h")
  Duration expireAfter();

  /** When Kling is asked. */
  Check check();

  /** When Kling is asked about a silent task. */
  interface Check {
    /** After it was accepted. */
    @WithDefault("30s")
    Duration first();

    /** The waits between two checks grow up to this. */
    @WithDefault("10m")
    Duration cap();
  }
}
