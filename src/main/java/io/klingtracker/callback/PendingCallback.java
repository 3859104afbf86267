package io.klingtracker.callback;

import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A stored callback whose news is to be processed, and the task as it is.
 *
 * @param attempts how often it was claimed, this time included
 * @param task null when there is no such task (any more)
 */
@SuppressWarnings("ArrayRecordComponent") // distinguished by id, never as a record
record PendingCallback(
    long receiptId,
    String taskId,
    byte[] body,
    boolean signed,
    Instant receivedAt,
    int attempts,
    @Nullable TaskState task) {

  /**
   * The task when the callback was claimed.
   *
   * @param open whether it may be running at Kling, as far as we know
   * @param lost whether a create of it was given up as lost
   * @param tracked whether another program submits it
   * @param unnamed whether Kling keeps no id of ours of it
   * @param startedAt when Kling accepted it, as far as we know
   * @param nextCheckAt when Kling would have been asked; null when it would not
   * @param leadMillis how early the first callback of its end was, if there was one
   */
  record TaskState(
      UpstreamRef ref,
      TaskStatus status,
      @Nullable String klingTaskId,
      @Nullable String externalTaskId,
      boolean open,
      boolean lost,
      boolean tracked,
      boolean unnamed,
      Instant startedAt,
      @Nullable Instant nextCheckAt,
      @Nullable Long leadMillis) {

    /** What Kling calls our {@code external_task_id} of this task; null when we cannot know. */
    @Nullable String nameAtKling(String taskId) {
      return tracked ? externalTaskId : taskId;
    }
  }
}
