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

  /** Callbacks that may wait to be stored; more are answered 503. */
  @WithDefault("2048")
  int queue();

  /** How long receipts are kept. */
  @WithDefault("30D")
  Duration keep();

  /** See {@link #verify()}. */
  enum Verify {
    UNSIGNED,
    ALWAYS,
    NEVER;

    /** Whether the end that a callback claims must be confirmed. */
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
