package io.klingtracker.task;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Which of a tenant's tasks; null means any. */
public record TaskFilter(
    @Nullable String kind,
    @Nullable TaskStatus status,
    @Nullable String model,
    @Nullable String externalTaskId,
    @Nullable Instant createdAfter,
    @Nullable Instant createdBefore) {

  /** All tasks of one kind. */
  public static TaskFilter ofKind(String kind) {
    return new TaskFilter(kind, null, null, null, null, null);
  }
}
