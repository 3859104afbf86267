package io.klingtracker.events;

import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Something that Kafka has not acknowledged.
 *
 * @param replayed whether an administrator has it sent once more
 * @param key the record's key: what has the same key goes out in the order of the ids
 * @param sequence of a task's event or state; 0 of anything else
 * @param type of an event that is no change of status: {@code kling.task.<type>.v1}; else null
 * @param occurredAt null of what has no event any more
 * @param headers of a record; those of anything else are made of its event
 * @param topic of a record; that of anything else is configured
 * @param payload the event or the record's value; null where there is none to be sent
 * @param bytes about how much memory it takes
 * @param state the task as it is with this event, for the topic of latest states; null when that
 *     topic is off, or when a later event of the task will carry a newer state
 */
record OutboxMessage(
    Kind kind,
    boolean replayed,
    int lane,
    long id,
    String key,
    int sequence,
    @Nullable UUID eventId,
    @Nullable String type,
    @Nullable Instant occurredAt,
    @Nullable String traceparent,
    Map<String, String> headers,
    @Nullable String topic,
    @Nullable String payload,
    int bytes,
    @Nullable String state) {

  /** What is to be sent. */
  enum Kind {
    /** A task's event, with the state that it made when nothing newer waits. */
    EVENT,
    /** A task's newest state again; Kafka has its event. */
    STATE,
    /** That a task is no more, to the topic of latest states. */
    TOMBSTONE,
    /** A record as another feature wrote it. */
    RECORD,
    /** Nothing: retention has removed the task, or the topic of states is off. */
    NOTHING
  }

  /**
   * What goes out one after the other; a replay beside all else, so that nothing waits behind it.
   */
  String queue() {
    return replayed ? key + " replayed" : key;
  }

  boolean is(Kind other) {
    return kind == other;
  }

  /** Whether the topic of latest states gets something. */
  boolean hasState() {
    return state != null || kind == Kind.TOMBSTONE;
  }

  /** The same with the task as it is. */
  OutboxMessage with(String newest) {
    return copy(headers, newest);
  }

  /** The same with the headers that were written for it. */
  OutboxMessage withHeaders(Map<String, String> written) {
    return copy(Map.copyOf(written), state);
  }

  private OutboxMessage copy(Map<String, String> newHeaders, @Nullable String newState) {
    return new OutboxMessage(
        kind,
        replayed,
        lane,
        id,
        key,
        sequence,
        eventId,
        type,
        occurredAt,
        traceparent,
        newHeaders,
        topic,
        payload,
        bytes,
        newState);
  }
}
