package io.klingtracker.custody;

import io.klingtracker.custody.CustodyStore.Kept;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where the content of a task's result is. */
sealed interface ContentPlace {

  /** We have a copy. */
  record Copy(Kept kept) implements ContentPlace {}

  /** Kling still has it. */
  record AtKling(String url) implements ContentPlace {}

  /**
   * Decides.
   *
   * @param task null when it is no more, as far as its copies outlive it
   * @param copy of this result, where there is one
   * @throws ProblemException 409 before the end, 404 without a result, 410 when it is too late
   */
  static ContentPlace of(@Nullable Task task, int index, Optional<Kept> copy, Instant now) {
    if (copy.isPresent()) {
      return new Copy(copy.get());
    }
    if (task == null) {
      throw new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has this id");
    }
    TaskStatus status = task.status();
    if (status == TaskStatus.QUEUED
        || status == TaskStatus.SUBMITTED
        || status == TaskStatus.PROCESSING) {
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "the task is %s; its content is there once it has succeeded"
              .formatted(status.wireName()));
    }
    List<ResultItem> items = ResultItem.of(task.result());
    if (items.isEmpty()) {
      throw new ProblemException(
          ErrorCode.NOT_FOUND,
          "the task is %s and has no result with content".formatted(status.wireName()));
    }
    if (index >= items.size()) {
      throw new ProblemException(
          ErrorCode.NOT_FOUND,
          "the task has %s results; index is from 0 to %s"
              .formatted(items.size(), items.size() - 1));
    }
    Instant end = task.resultExpiresAt();
    if (end != null && !now.isBefore(end)) {
      throw new ProblemException(
          ErrorCode.CONTENT_GONE, "Kling has deleted the result, and there is no copy of it");
    }
    String location = items.get(index).location();
    if (location == null) {
      throw new ProblemException(
          ErrorCode.NOT_FOUND, "what Kling gave as the link of the result is none");
    }
    return new AtKling(location);
  }
}
