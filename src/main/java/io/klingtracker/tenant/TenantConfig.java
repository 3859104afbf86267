package io.klingtracker.tenant;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;

/** The first tenant, and how long we believe what we read of a key. */
@ConfigMapping(prefix = "tracker")
public interface TenantConfig {

  /** Key of {@code /admin/v1}. */
  Optional<String> adminKey();

  /** A tenant and key made at start-up when they do not exist yet. */
  Bootstrap bootstrap();

  /** Look-ups of keys. */
  Keys keys();

  /** The first tenant. Nothing is made unless {@link #apiKey()} is set. */
  interface Bootstrap {
    /** Its id. */
    @WithDefault("default")
    String tenant();

    /** Its API key, at least 12 characters. */
    Optional<String> apiKey();

    /** The key's access key, for clients that sign a JWT. */
    Optional<String> accessKey();

    /** The key's secret key, at least 16 characters. */
    Optional<String> secretKey();
  }

  /** The cache of keys. */
  interface Keys {
    /** How long a key is believed without a look: a revocation takes no longer to be felt. */
    @WithDefault("5s")
    Duration cache();

    /** How many keys are remembered. */
    @WithDefault("10000")
    int cacheSize();
  }
}
