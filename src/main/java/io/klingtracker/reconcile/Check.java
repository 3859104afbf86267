package io.klingtracker.reconcile;

import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A task that Kling is to be asked about. */
record Check(
    String taskId,
    String kind,
    String account,
    @Nullable String klingTaskId,
    TaskStatus status,
    Instant createdAt,
    int checks) {

  /** What Kling is asked for: its own id once we know it, else ours. */
  String klingId() {
    return klingTaskId == null ? taskId : klingTaskId;
  }
}
