package io.klingtracker.api;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Bounds of the API. */
@ConfigMapping(prefix = "tracker.api")
public interface ApiConfig {

  /** Largest submission, in bytes; {@code quarkus.http.limits.max-body-size} must allow it. */
  @WithDefault("1048576")
  int maxBody();
}
