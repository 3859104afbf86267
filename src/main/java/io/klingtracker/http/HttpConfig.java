package io.klingtracker.http;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Time limits of one request. */
@ConfigMapping(prefix = "tracker.http")
public interface HttpConfig {

  /** How long a request's body may take to arrive, however steadily it drips. */
  @WithDefault("30s")
  Duration bodyTime();

  /** How long an answer may take to begin; above the longest wait of a long-poll. */
  @WithDefault("90s")
  Duration answerTime();
}
