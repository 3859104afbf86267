package io.klingtracker.kling;

import java.util.Locale;

/** Kling's status words, of both API generations and of the fronts that resell it. */
public enum KlingStatus {
  SUBMITTED,
  PROCESSING,
  SUCCEED,
  FAILED,
  /** A word we do not know: news that changes nothing, never a failure. */
  UNKNOWN;

  /** True for the two words after which Kling says nothing more. */
  public boolean isFinal() {
    return this == SUCCEED || this == FAILED;
  }

  /** Reads a word in any letter case. */
  static KlingStatus of(String word) {
    return switch (word.toLowerCase(Locale.ROOT)) {
      case "submitted", "queued", "not_start" -> SUBMITTED;
      case "processing", "in_progress" -> PROCESSING;
      case "succeed", "succeeded", "completed", "success" -> SUCCEED;
      case "failed", "failure" -> FAILED;
      default -> UNKNOWN;
    };
  }
}
