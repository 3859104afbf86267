package io.klingtracker.task;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A piece of news for one task.
 *
 * @param taskId whom it is for
 * @param source where it came from
 * @param signal what it says
 * @param klingTaskId Kling's id when the news names it; news that names another id than the task's
 *     is not applied
 * @param charge what Kling took, when it says so
 * @param nextCheckAt when to ask Kling if nothing more is received; null leaves the plan as it is
 * @param word the status as it was written, for the timeline
 */
public record News(
    String taskId,
    Source source,
    TaskSignal signal,
    @Nullable String klingTaskId,
    @Nullable Cost charge,
    @Nullable Instant nextCheckAt,
    String word) {

  /** News that names no id of Kling's and brings no charge. */
  public static News of(String taskId, Source source, TaskSignal signal) {
    return new News(taskId, source, signal, null, null, null, signal.status().wireName());
  }
}
