package io.klingtracker.feed;

import io.klingtracker.task.TaskStatus;
import java.util.UUID;

/**
 * An event as it is in the feed.
 *
 * @param payload the JSON that is also on Kafka
 */
public record FeedEvent(
    Cursor cursor, String taskId, int sequence, UUID eventId, TaskStatus status, String payload) {}
