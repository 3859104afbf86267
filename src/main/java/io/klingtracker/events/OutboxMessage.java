package io.klingtracker.events;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An event that Kafka has not acknowledged.
 *
 * @param payload the event; empty where only the state is to be written again, or nothing is left
 * @param bytes about how much memory it takes
 * @param state the task as it is with this event, for the topic of latest states; null when that
 *     topic is off, or when a later event of the task will carry a newer state
 */
record OutboxMessage(
    int lane,
    long id,
    String taskId,
    int sequence,
    UUID eventId,
    Instant occurredAt,
    @Nullable String traceparent,
    String payload,
    int bytes,
    @Nullable String state) {

  /** Whether Kafka has the event, and only the newest state is to be written again. */
  boolean isStateOnly() {
    return payload.isEmpty() && state != null;
  }

  /** The same with the task as it is. */
  OutboxMessage with(String newest) {
    return new OutboxMessage(
        lane, id, taskId, sequence, eventId, occurredAt, traceparent, payload, bytes, newest);
  }
}
