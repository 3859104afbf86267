package io.klingtracker.callback;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.TaskStatus;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a callback: decided from what it says and the state of its task, nothing else.
 */
sealed interface CallbackDecision {

  /** It is news of the task. */
  record Apply() implements CallbackDecision {}

  /** It claims an end that Kling has to confirm first. */
  record Prove(TaskStatus claimed) implements CallbackDecision {}

  /**
   * It changes nothing; the timeline says why.
   *
   * @param reason {@code repeated}, {@code contradicts}, {@code older}, {@code other-task}, {@code
   *     not-understood} or {@code untrue}
   */
  record Note(String reason, @Nullable String detail) implements CallbackDecision {}

  /**
   * It cannot be read in one way only: Kling is asked.
   *
   * @param fault what is wrong with it
   */
  record Ask(String fault) implements CallbackDecision {}

  /**
   * It may be news of a create that was given up as lost: it counts once the task is sent again.
   */
  record Wait() implements CallbackDecision {}

  /** There is no task for it. */
  record NoTask() implements CallbackDecision {}

  /** Decides. */
  static CallbackDecision of(
      PendingCallback callback, KlingNews news, CallbackConfig.Verify verify) {
    PendingCallback.TaskState task = callback.task();
    if (task == null) {
      return new NoTask();
    }
    if (news.isUnclear()) {
      return new Ask(news.message());
    }
    String named = news.externalTaskId();
    String expected = task.nameAtKling(callback.taskId());
    if (named != null && !named.isEmpty() && expected != null && !named.equals(expected)) {
      return new Note("other-task", "it has another id than this task");
    }
    if (task.klingTaskId() != null && !task.klingTaskId().equals(news.klingTaskId())) {
      return new Note("other-task", "it has another id than this task");
    }
    if (news.status() == KlingStatus.UNKNOWN) {
      return new Note("not-understood", news.message());
    }
    if (task.status() == TaskStatus.QUEUED && !task.open()) {
      if (task.lost()) {
        return new Wait();
      }
      return new Note("untrue", "nothing was sent to Kling yet");
    }
    if (news.status().isFinal() && verify.needsProof(callback.signed())) {
      return unproved(task.status(), claimed(news));
    }
    return new Apply();
  }

  private static CallbackDecision unproved(TaskStatus current, TaskStatus claimed) {
    if (!current.isFinal()) {
      return new Prove(claimed);
    }
    if (current == claimed) {
      return new Note("repeated", "the task has ended so already");
    }
    return current == TaskStatus.CANCELED
        ? new Note("older", "the task was canceled before it was sent")
        : new Note("contradicts", "not signed; the recorded end is " + current.wireName());
  }

  private static TaskStatus claimed(KlingNews news) {
    return news.status() == KlingStatus.SUCCEED ? TaskStatus.SUCCEED : TaskStatus.FAILED;
  }
}
