package io.klingtracker.reconcile;

import io.klingtracker.rules.Kind;
import io.klingtracker.rules.Kinds;
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

  /** Where Kling is asked: by its own id once we know it, else by ours. */
  String queryPath() {
    Kind of = Kinds.ofName(kind).orElseThrow();
    return klingTaskId == null ? of.queryByOwnIdPath(taskId) : of.queryPath(klingTaskId);
  }
}
