package io.klingtracker.task;

import java.util.List;
import java.util.Locale;

/**
 * The status of a task, in the order in which it can move. The words are API and column; {@code
 * queued} and {@code expired} are ours, {@code canceled} is the caller's, the others are Kling's
 * own. SQL's twin of {@link #accepts} is {@code task_accepts}.
 */
public enum TaskStatus {
  /** Stored; Kling has not accepted it yet. */
  QUEUED,
  /** Kling accepted it. */
  SUBMITTED,
  /** Kling is rendering it. */
  PROCESSING,
  /** No news in time. Our clock's word, so a later truth of Kling's still replaces it. */
  EXPIRED,
  /** Rendered. */
  SUCCEED,
  /** Refused or failed. */
  FAILED,
  /** Withdrawn by the caller before Kling accepted it. */
  CANCELED;

  /** Those with which a task has ended. */
  public static final List<TaskStatus> ENDED = List.of(SUCCEED, FAILED, CANCELED, EXPIRED);

  /** Whether nothing can follow. */
  public boolean isFinal() {
    return compareTo(SUCCEED) >= 0;
  }

  /**
   * Whether a task in this status moves when it receives {@code next}: forward only, the first
   * final wins.
   */
  public boolean accepts(TaskStatus next) {
    return !isFinal() && compareTo(next) < 0 && (next != CANCELED || this == QUEUED);
  }

  /** The word in answers, events and the database. */
  public String wireName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The word in Kling's shape, which knows four. */
  public String klingWord() {
    return switch (this) {
      case QUEUED, SUBMITTED -> "submitted";
      case PROCESSING -> "processing";
      case SUCCEED -> "succeed";
      case EXPIRED, FAILED, CANCELED -> "failed";
    };
  }

  /**
   * Reads {@link #wireName}.
   *
   * @throws IllegalArgumentException for any other text
   */
  public static TaskStatus of(String wireName) {
    for (TaskStatus status : values()) {
      if (status.wireName().equals(wireName)) {
        return status;
      }
    }
    throw new IllegalArgumentException("no task status is called " + wireName);
  }
}
