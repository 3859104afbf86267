package io.klingtracker.task;

import org.jspecify.annotations.Nullable;

/** What a task may receive about itself. Each carries only what belongs to its status. */
public sealed interface TaskSignal {

  /** The status it speaks of. */
  TaskStatus status();

  /** The reason, for people; empty when it brings none. */
  default String message() {
    return "";
  }

  /** Kling's error code, when it brings one. */
  default @Nullable Integer code() {
    return null;
  }

  /** Kling's whole {@code task_result} as JSON text, when it brings one. */
  default @Nullable String result() {
    return null;
  }

  /** Kling accepted the task. */
  record Submitted() implements TaskSignal {
    @Override
    public TaskStatus status() {
      return TaskStatus.SUBMITTED;
    }
  }

  /** Kling renders it. */
  record Processing() implements TaskSignal {
    @Override
    public TaskStatus status() {
      return TaskStatus.PROCESSING;
    }
  }

  /**
   * Kling rendered it.
   *
   * @param result Kling's whole {@code task_result}, JSON text
   */
  record Succeed(@Nullable String result) implements TaskSignal {
    @Override
    public TaskStatus status() {
      return TaskStatus.SUCCEED;
    }
  }

  /**
   * Kling refused or failed it, or it was never sent.
   *
   * @param code Kling's error code when there was one
   * @param message the reason, for people
   */
  record Failed(@Nullable Integer code, String message) implements TaskSignal {
    @Override
    public TaskStatus status() {
      return TaskStatus.FAILED;
    }
  }

  /** No news in time. */
  record Expired(String message) implements TaskSignal {
    @Override
    public TaskStatus status() {
      return TaskStatus.EXPIRED;
    }
  }

  /** Withdrawn by the caller. */
  record Canceled(String message) implements TaskSignal {
    @Override
    public TaskStatus status() {
      return TaskStatus.CANCELED;
    }
  }
}
