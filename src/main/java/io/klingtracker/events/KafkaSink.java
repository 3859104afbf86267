package io.klingtracker.events;

import io.klingtracker.events.OutboxMessage.Kind;
import io.klingtracker.time.Rfc3339;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** Sends to Kafka: CloudEvents 1.0 in binary mode. */
final class KafkaSink implements EventSink {

  static final String TYPE = "kling.task.status-changed.v1";

  /** Types of events that are no change of status, by the word that the event has. */
  private static final String OTHER_TYPE = "kling.task.%s.v1";

  static final String SOURCE = "/kling-task-tracker";

  /** Marks a record that an administrator had sent again. */
  static final String REPLAYED = "ce_replayed";

  private static final byte[] SPEC_VERSION = bytes("1.0");
  private static final byte[] TYPE_BYTES = bytes(TYPE);
  private static final byte[] SOURCE_BYTES = bytes(SOURCE);
  private static final byte[] JSON = bytes("application/json");
  private static final byte[] TRUE = bytes("true");

  private final KafkaChannel events;
  private final KafkaChannel states;
  private final KafkaChannel records;
  private final KafkaTopics topics;

  KafkaSink(KafkaChannel events, KafkaChannel states, KafkaChannel records, KafkaTopics topics) {
    this.events = events;
    this.states = states;
    this.records = records;
    this.topics = topics;
  }

  @Override
  public CompletionStage<Void> send(OutboxMessage message) {
    try {
      ensureTopics(message);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
    return switch (message.kind()) {
      case EVENT -> sendEvent(message);
      case STATE -> states.send(null, message.key(), message.state(), headers(message));
      case TOMBSTONE -> states.send(null, message.key(), null, new RecordHeaders());
      case RECORD -> sendRecord(message);
      case NOTHING -> CompletableFuture.completedFuture(null);
    };
  }

  private void ensureTopics(OutboxMessage message) {
    if (message.is(Kind.EVENT)) {
      topics.ensure(topics.events());
    }
    if (message.hasState()) {
      topics.ensure(topics.states());
    }
    if (message.topic() != null) {
      topics.ensure(message.topic());
    }
  }

  private CompletionStage<Void> sendEvent(OutboxMessage message) {
    Headers headers = headers(message);
    String state = message.state();
    // A producer closes the headers of what it sends, hence a copy.
    Headers stateHeaders = state == null ? headers : new RecordHeaders(headers);
    CompletionStage<Void> sent = events.send(null, message.key(), message.payload(), headers);
    return state == null
        ? sent
        : CompletableFuture.allOf(
            sent.toCompletableFuture(),
            states.send(null, message.key(), state, stateHeaders).toCompletableFuture());
  }

  private CompletionStage<Void> sendRecord(OutboxMessage message) {
    Headers headers = new RecordHeaders();
    message.headers().forEach((name, value) -> headers.add(name, bytes(value)));
    return records.send(message.topic(), message.key(), message.payload(), headers);
  }

  private Headers headers(OutboxMessage message) {
    Headers headers = new RecordHeaders();
    byte[] taskId = bytes(message.key());
    headers.add("ce_specversion", SPEC_VERSION);
    headers.add("ce_id", bytes(Objects.requireNonNull(message.eventId()).toString()));
    headers.add(
        "ce_type",
        message.type() == null ? TYPE_BYTES : bytes(OTHER_TYPE.formatted(message.type())));
    headers.add("ce_source", SOURCE_BYTES);
    headers.add("ce_subject", taskId);
    headers.add("ce_time", bytes(Rfc3339.format(Objects.requireNonNull(message.occurredAt()))));
    headers.add("ce_sequence", bytes(Integer.toString(message.sequence())));
    headers.add("ce_partitionkey", taskId);
    headers.add("content-type", JSON);
    if (message.traceparent() != null) {
      headers.add("traceparent", bytes(message.traceparent()));
    }
    if (message.replayed()) {
      headers.add(REPLAYED, TRUE);
    }
    return headers;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
