package io.klingtracker.feed;

import io.klingtracker.task.TaskStatus;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An event as it is in the feed.
 *
 * @param status that the task changed to; null where its status did not change
 * @param payload the JSON that is also on Kafka
 */
public record FeedEvent(
    Cursor cursor,
    String taskId,
    int sequence,
    UUID eventId,
    @Nullable TaskStatus status,
    String payload) {

  /**
   * Whether the task has ended with it or before: what is no change of status comes behind the last
   * one.
   */
  public boolean isLast() {
    return status == null || status.isFinal();
  }
}
