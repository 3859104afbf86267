package io.klingtracker.callback;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** The callback target. */
@ConfigMapping(prefix = "tracker.callback")
public interface CallbackConfig {

  /** Which {@code succeed} and {@code failed} need Kling's confirmation before they count. */
  @WithDefault("unsigned")
  Verify verify();

  /** How far a signed callback's timestamp may be from our clock. */
  @WithDefault("5m")
  Duration tolerance();

  /** Largest callback body, in bytes. */
  @WithDefault("1048576")
  int maxBody();

  /** See {@link #verify()}. */
  enum Verify {
    UNSIGNED,
    ALWAYS,
    NEVER
  }
}
