package io.klingtracker.callback;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.TaskStatus;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a callback: decided from what it says and where its task stands, nothing else.
 */
sealed interface Ruling {

  /** It is news of the task. */
  record Apply() implements Ruling {}

  /** It tells of an end that Kling has to confirm first. */
  record Prove(TaskStatus claimed) implements Ruling {}

  /**
   * It changes nothing; the timeline says why.
   *
   * @param reason {@code repeated}, {@code contradicts}, {@code older}, {@code other-task}, {@code
   *     not-understood} or {@code untrue}
   */
  record Note(String reason, @Nullable String detail) implements Ruling {}

  /**
   * It cannot be read in one way only: Kling is asked.
   *
   * @param fault what is wrong with it
   */
  record Ask(String fault) implements Ruling {}

  /**
   * It may be news of a create that was given up as lost: it counts once the task is sent again.
   */
  record Wait() implements Ruling {}

  /** There is no task for it. */
  record NoTask() implements Ruling {}

  /** Decides. */
  static Ruling of(PendingCallback callback, KlingNews said, CallbackConfig.Verify verify) {
    PendingCallback.Standing task = callback.task();
    if (task == null) {
      return new NoTask();
    }
    if (said.isUnclear()) {
      return new Ask(said.message());
    }
    String named = said.externalTaskId();
    String expected = task.nameAtKling(callback.taskId());
    if (named != null && !named.isEmpty() && expected != null && !named.equals(expected)) {
      return new Note("other-task", "it has another id than this task");
    }
    if (task.klingTaskId() != null && !task.klingTaskId().equals(said.klingTaskId())) {
      return new Note("other-task", "it has another id than this task");
    }
    if (said.status() == KlingStatus.UNKNOWN) {
      return new Note("not-understood", said.message());
    }
    if (task.status() == TaskStatus.QUEUED && !task.open()) {
      if (task.lost()) {
        return new Wait();
      }
      return new Note("untrue", "nothing was sent to Kling yet");
    }
    if (said.status().isFinal() && verify.needsProof(callback.signed())) {
      return unproved(task.status(), claimed(said));
    }
    return new Apply();
  }

  private static Ruling unproved(TaskStatus current, TaskStatus claimed) {
    if (!current.isFinal()) {
      return new Prove(claimed);
    }
    if (current == claimed) {
      return new Note("repeated", "the task has ended so already");
    }
    return current == TaskStatus.CANCELED
        ? new Note("older", "the task was canceled before it was sent")
        : new Note("contradicts", "not signed; the end that stands is " + current.word());
  }

  private static TaskStatus claimed(KlingNews said) {
    return said.status() == KlingStatus.SUCCEED ? TaskStatus.SUCCEED : TaskStatus.FAILED;
  }
}
