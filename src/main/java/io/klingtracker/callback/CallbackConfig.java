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

  /** Callbacks that may wait to be stored; more are answered 503. */
  @WithDefault("2048")
  int queue();

  /** Threads that store callbacks; those of one task share a thread. */
  @WithDefault("1")
  int writers();

  /** Most callbacks stored, or processed, in one statement. */
  @WithDefault("128")
  int batch();

  /** Different bodies kept for one task; more are refused with 429. */
  @WithDefault("200")
  int maxReceipts();

  /** How long receipts are kept. */
  @WithDefault("30D")
  Duration keep();

  /** How stored callbacks are processed. */
  Work work();

  /** See {@link #work()}. */
  interface Work {
    /** The fallback poll, should a wake-up be lost. */
    @WithDefault("1s")
    Duration poll();

    /** The wait before a callback is tried again whose task was held by somebody. */
    @WithDefault("100ms")
    Duration retryFirst();

    /** The waits grow up to this. */
    @WithDefault("30s")
    Duration retryCap();
  }

  /** See {@link #verify()}. */
  enum Verify {
    UNSIGNED,
    ALWAYS,
    NEVER;

    /** Whether the end that a callback tells of must be confirmed. */
    boolean needsProof(boolean signed) {
      return switch (this) {
        case ALWAYS -> true;
        case UNSIGNED -> !signed;
        case NEVER -> false;
      };
    }

    /** Whether what a callback says is taken as Kling's word, its id for the task included. */
    boolean trusts(boolean signed) {
      return signed || this == NEVER;
    }
  }
}
