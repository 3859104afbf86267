package io.klingtracker.tenant;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** The first tenant, and how keys are looked up and limited. */
@ConfigMapping(prefix = "tracker")
public interface TenantConfig {

  /** Key of {@code /admin/v1}. */
  Optional<String> adminKey();

  /** A tenant and key made at start-up when they do not exist yet. */
  Bootstrap bootstrap();

  /** Look-ups and limits of keys. */
  Keys keys();

  /** The first tenant. Nothing is made unless {@link #apiKey()} is set. */
  interface Bootstrap {
    /** Its id. */
    @WithDefault("default")
    String tenant();

    /** Its API key, at least 12 characters. Known only while it is configured. */
    Optional<String> apiKey();

    /** The key's access key, for clients that sign a JWT. */
    Optional<String> accessKey();

    /** The key's secret key, at least 16 characters. */
    Optional<String> secretKey();
  }

  /** Keys. */
  interface Keys {
    /** How long a key is believed without a look: a revocation takes no longer to be felt. */
    @WithDefault("5s")
    Duration cache();

    /** Requests a second for keys that have no rate of their own; none is no limit. */
    OptionalDouble rate();

    /** Requests at once for keys that have no burst of their own; one second's worth if unset. */
    OptionalInt burst();
  }
}
