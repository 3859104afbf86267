package io.klingtracker.http;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of requests: how long one may take, and how many may be under way. */
@ConfigMapping(prefix = "tracker.http")
public interface HttpConfig {

  /** How long a request's body may take to arrive, however steadily it drips. */
  @WithDefault("30s")
  Duration bodyTime();

  /** How long an answer may take to begin; above the longest wait of a long-poll. */
  @WithDefault("90s")
  Duration answerTime();

  /** Callbacks that may be under way at a time; more are put off with 503. */
  @WithDefault("1024")
  int maxCallbacks();

  /** Submissions, and other requests that change something, under way at a time. */
  @WithDefault("512")
  int maxSubmissions();

  /** Reads under way at a time; waits and streams are not counted here. */
  @WithDefault("512")
  int maxReads();
}
