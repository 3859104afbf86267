package io.klingtracker.upstream;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithName;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/** Where Kling reaches us, and how patient we are. */
@ConfigMapping(prefix = "tracker")
public interface UpstreamConfig {

  /** Base of the callback URLs; required, see StartupCheck. */
  Optional<URI> publicUrl();

  /** Without any news for this long a task is {@code expired}, softly. */
  @WithDefault("24h")
  Duration expireAfter();

  /**
   * A create that Kling does not know is not sent again before this much time has passed since it
   * left: until then it may still arrive. It is longer where the time limit of an answer is.
   */
  @WithName("dispatch.resend-after")
  @WithDefault("30s")
  Duration resendAfter();

  /** When Kling is asked. */
  Check check();

  /** When Kling is asked about a silent task. */
  interface Check {
    /** After it was accepted, as long as too few renders of its kind and model are known. */
    @WithDefault("30s")
    Duration first();

    /** The waits between two checks grow up to this. */
    @WithDefault("10m")
    Duration cap();
  }
}
