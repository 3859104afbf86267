package io.klingtracker.secret;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithName;
import java.util.List;
import java.util.Optional;

/** The root secret; checked at start-up, see StartupCheck. */
@ConfigMapping(prefix = "tracker")
public interface SecretConfig {

  /** At least 32 bytes; callback tokens and the sealing of stored secrets are derived from it. */
  Optional<String> secret();

  /**
   * Other values that are honoured when reading, and never used for writing: the next one while a
   * rotation reaches all replicas, then the former one.
   */
  @WithName("previous-secrets")
  Optional<List<String>> previousSecrets();
}
