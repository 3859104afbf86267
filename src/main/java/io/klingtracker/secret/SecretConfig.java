package io.klingtracker.secret;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithName;
import java.util.List;
import java.util.Optional;

/** The root secret; checked at start-up, see StartupCheck. */
@ConfigMapping(prefix = "tracker")
public interface SecretConfig {

  /** At least 32 bytes; callback tokens and the sealing of stored secrets hang on it. */
  Optional<String> secret();

  /** Former values that are still honoured when reading: for rotation. */
  @WithName("previous-secrets")
  Optional<List<String>> previousSecrets();
}
