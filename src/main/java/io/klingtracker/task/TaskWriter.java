package io.klingtracker.task;

import io.klingtracker.database.GroupCommit;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.database.SqlStates;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Stores submissions in groups. */
@Singleton
class TaskWriter {

  private final GroupCommit<Submitted, Submission> groups;

  /**
   * A submission and the trace that it came with.
   *
   * @param traceparent W3C trace context, or null
   */
  record Submitted(NewTask task, @Nullable String traceparent) {

    /** Those that could get into each other's way have the same. */
    Object key() {
      NewTask.Idempotency idempotency = task.idempotency();
      if (idempotency != null) {
        return List.of(task.tenant(), idempotency.key());
      }
      String externalTaskId = task.externalTaskId();
      return externalTaskId == null ? new Object() : List.of(task.tenant(), externalTaskId);
    }
  }

  @Inject
  TaskWriter(TaskStore store, TaskConfig config, GroupCommitConfig grouping) {
    TaskConfig.Submit bounds = config.submit();
    this.groups =
        new GroupCommit<>(
            "submissions",
            new GroupCommit.Bounds(
                grouping.enabled(), bounds.queue(), bounds.writers(), bounds.batch()),
            store::submit);
  }

  /** Durable when this returns. */
  Submission submit(NewTask task, @Nullable String traceparent) {
    Submitted submitted = new Submitted(task, traceparent);
    try {
      return groups.add(submitted.key(), submitted).toCompletableFuture().join();
    } catch (CompletionException e) {
      Throwable cause = e.getCause();
      if (task.idempotency() != null && cause != null && SqlStates.isLockTimeout(cause)) {
        return new Submission.KeyRunning();
      }
      throw cause instanceof RuntimeException failure ? failure : e;
    }
  }

  @PreDestroy
  void close() {
    groups.close();
  }
}
