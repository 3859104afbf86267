package io.klingtracker.task;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A tenant's tasks of some time, from the oldest on.
 *
 * @param behind id of the task behind which they begin; null for the first
 * @param createdAfter null for any
 * @param createdBefore null for any
 */
public record TaskRange(
    @Nullable String behind, @Nullable Instant createdAfter, @Nullable Instant createdBefore) {

  /** What is left of it behind a task. */
  public TaskRange behind(String taskId) {
    return new TaskRange(taskId, createdAfter, createdBefore);
  }
}
