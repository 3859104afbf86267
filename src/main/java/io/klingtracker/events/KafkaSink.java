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

  private final Outlet events;
  private final Outlet states;
  private final KafkaTopics topics;
  private final boolean replays;

  KafkaSink(Outlet events, Outlet states, KafkaTopics topics, boolean replays) {
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
    header(headers, "ce_specversion", "1.0");
    header(headers, "ce_id", message.eventId().toString());
    header(headers, "ce_type", TYPE);
    header(headers, "ce_source", SOURCE);
    header(headers, "ce_subject", message.taskId());
    header(headers, "ce_time", Rfc3339.format(message.occurredAt()));
    header(headers, "ce_sequence", Integer.toString(message.sequence()));
    header(headers, "ce_partitionkey", message.taskId());
    header(headers, "content-type", "application/json");
    if (message.traceparent() != null) {
      header(headers, "traceparent", message.traceparent());
    }
    if (replays) {
      header(headers, REPLAYED, "true");
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

  private static void header(Headers headers, String name, String value) {
    headers.add(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
