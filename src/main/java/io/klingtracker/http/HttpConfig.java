package io.klingtracker.http;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Bounds of requests: how long one may take, and how many may be under way. */
@ConfigMapping(prefix = "tracker.http")
public interface HttpConfig {

  /** How long a request's body may take to arrive, however steadily it drips. */
  @WithDefault("30s")
  Duration bodyTime();

  /** How long an answer may take, streams aside; above the longest wait of a long-poll. */
  @WithDefault("90s")
  Duration answerTime();

  /** Memory that request bodies may take, in bytes; half the heap if unset. */
  OptionalLong bodyMemory();

  /** Connections that may be open; by heap and file descriptors if unset. */
  OptionalInt maxConnections();

  /** Callbacks that may be under way at a time; more are deferred with 503. */
  @WithDefault("1024")
  int maxCallbacks();

  /** Submissions, and other requests that change something, under way at a time. */
  @WithDefault("512")
  int maxSubmissions();

  /** Reads under way at a time; those that have begun to wait or to stream are not counted. */
  @WithDefault("512")
  int maxReads();
}
