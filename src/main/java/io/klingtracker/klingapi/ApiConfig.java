package io.klingtracker.klingapi;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Bounds of the API. {@code quarkus.http.limits.max-body-size} must allow what is allowed here. */
@ConfigMapping(prefix = "tracker.api")
public interface ApiConfig {

  /** Largest submission without pictures or sound in it, in bytes. */
  @WithDefault("1048576")
  int maxBody();

  /** Largest submission of a kind that takes pictures or sound, in bytes. */
  @WithDefault("33554432")
  int maxMediaBody();

  /** Synchronous calls that may be waiting for Kling at a time; more are deferred. */
  @WithDefault("32")
  int maxPassedAtOnce();
}
