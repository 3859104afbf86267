package io.klingtracker.task;

import io.klingtracker.database.GroupCommit;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.database.SqlStates;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Stores submissions in groups; of those that wait for it one tenant has its share. */
@Singleton
class SubmissionWriter {

  /**
   * Groups stored at the same time. One: a second one would only make the groups smaller and the
   * commits more.
   */
  static final int WRITERS = 1;

  /** Most submissions stored in one statement. */
  static final int BATCH = 128;

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final GroupCommit<TaskStore.Entry, Submission> groups;
  private final Share waiting;

  @Inject
  SubmissionWriter(TaskStore store, TaskConfig config, GroupCommitConfig grouping, Shares shares) {
    TaskConfig.Submit bounds = config.submit();
    this.waiting =
        shares.of(
            Bound.brief(
                "submission-queue",
                "submissions that wait to be stored",
                bounds.queue(),
                ErrorCode.UNAVAILABLE,
                RETRY));
    this.groups =
        new GroupCommit<>(
            "submissions",
            new GroupCommit.Bounds(grouping.enabled(), bounds.queue(), WRITERS, BATCH),
            store::submit);
  }

  /** Durable when this returns. */
  Submission submit(NewTask task, @Nullable String traceparent) {
    TaskStore.Entry entry = new TaskStore.Entry(task, traceparent);
    try (Permit place = waiting.enter(task.tenant(), 1).orThrow()) {
      return groups.add(entry.key(), entry).toCompletableFuture().join();
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
