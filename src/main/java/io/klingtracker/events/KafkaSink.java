package io.klingtracker.events;

import io.klingtracker.time.Rfc3339;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** Sends to Kafka: CloudEvents 1.0 in binary mode. */
final class KafkaSink implements EventSink {

  static final String TYPE = "kling.task.status-changed.v1";
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
  private final KafkaTopics topics;
  private final boolean replays;

  KafkaSink(KafkaChannel events, KafkaChannel states, KafkaTopics topics, boolean replays) {
    this.events = events;
    this.states = states;
    this.topics = topics;
    this.replays = replays;
  }

  @Override
  public CompletionStage<Void> send(OutboxMessage message) {
    try {
      topics.ensure();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
    Headers headers = headers(message);
    if (message.isStateOnly()) {
      return states.send(message.taskId(), message.state(), headers);
    }
    // A producer closes the headers of what it sends, hence a copy.
    Headers stateHeaders = message.state() == null ? headers : new RecordHeaders(headers);
    CompletionStage<Void> sent = events.send(message.taskId(), message.payload(), headers);
    String state = message.state();
    return state == null
        ? sent
        : CompletableFuture.allOf(
            sent.toCompletableFuture(),
            states.send(message.taskId(), state, stateHeaders).toCompletableFuture());
  }

  private Headers headers(OutboxMessage message) {
    Headers headers = new RecordHeaders();
    byte[] taskId = bytes(message.taskId());
    headers.add("ce_specversion", SPEC_VERSION);
    headers.add("ce_id", bytes(message.eventId().toString()));
    headers.add("ce_type", TYPE_BYTES);
    headers.add("ce_source", SOURCE_BYTES);
    headers.add("ce_subject", taskId);
    headers.add("ce_time", bytes(Rfc3339.format(message.occurredAt())));
    headers.add("ce_sequence", bytes(Integer.toString(message.sequence())));
    headers.add("ce_partitionkey", taskId);
    headers.add("content-type", JSON);
    if (message.traceparent() != null) {
      headers.add("traceparent", bytes(message.traceparent()));
    }
    if (replays) {
      headers.add(REPLAYED, TRUE);
    }
    return headers;
  }

  @Override
  public CompletionStage<Void> forget(String taskId) {
    try {
      topics.ensure();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
    return states.send(taskId, null, new RecordHeaders());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
