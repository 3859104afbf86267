package io.klingtracker.task;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which of a tenant's tasks; null means any.
 *
 * @param labels pairs of metadata, all of which a task must have
 */
public record TaskFilter(
    @Nullable String kind,
    @Nullable TaskStatus status,
    @Nullable String model,
    @Nullable String externalTaskId,
    @Nullable Instant createdAfter,
    @Nullable Instant createdBefore,
    List<Label> labels) {

  /** A pair of a task's metadata. */
  public record Label(String key, String value) {}

  /** Whatever their metadata. */
  public TaskFilter(
      @Nullable String kind,
      @Nullable TaskStatus status,
      @Nullable String model,
      @Nullable String externalTaskId,
      @Nullable Instant createdAfter,
      @Nullable Instant createdBefore) {
    this(kind, status, model, externalTaskId, createdAfter, createdBefore, List.of());
  }

  /** All tasks of one kind. */
  public static TaskFilter ofKind(String kind) {
    return new TaskFilter(kind, null, null, null, null, null);
  }
}
