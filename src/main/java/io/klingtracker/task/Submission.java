package io.klingtracker.task;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What came of a submission. */
public sealed interface Submission {

  /** Stored, with its first event and its place in the dispatch queue. */
  record Stored(String taskId, Instant createdAt) implements Submission {}

  /** The same key and body came before: this is what was answered then. */
  record Replayed(String taskId, @Nullable String externalTaskId, Instant createdAt, UUID requestId)
      implements Submission {}

  /** The key was used with another body. */
  record KeyReused() implements Submission {}

  /** The first request with this key has not ended yet. */
  record KeyRunning() implements Submission {}

  /** The tenant has a task with this external id. */
  record ExternalIdTaken(String externalTaskId) implements Submission {}

  /** The tenant has as many tasks of other programs watched as it may. */
  record TooManyTracked(int most) implements Submission {}

  /** A task with this id of Kling's is known already. */
  record KlingIdTaken(String klingTaskId) implements Submission {}
}
