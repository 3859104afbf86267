package io.klingtracker.events;

import io.klingtracker.time.Rfc3339;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Emitter;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;

/** Sends events to Kafka as CloudEvents 1.0 in binary mode. */
@Singleton
class EventPublisher {

  static final String TYPE = "kling.task.status-changed.v1";
  static final String SOURCE = "/kling-task-tracker";

  private final Emitter<String> emitter;
  private final String topic;

  @Inject
  EventPublisher(
      // The relay awaits its batch before it sends the next, which is what bounds this buffer.
      @Channel("task-events") @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
          Emitter<String> emitter,
      RelayConfig config) {
    this.emitter = emitter;
    this.topic = config.topic();
  }

  /** Ends when Kafka has acknowledged, or exceptionally when it will not. */
  CompletionStage<Void> send(OutboxMessage message) {
    RecordHeaders headers = new RecordHeaders();
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
    OutgoingKafkaRecordMetadata<String> metadata =
        OutgoingKafkaRecordMetadata.<String>builder()
            .withTopic(topic)
            .withKey(message.taskId())
            .withHeaders(headers)
            .build();
    CompletableFuture<Void> acknowledged = new CompletableFuture<>();
    emitter.send(
        Message.of(
            message.payload(),
            Metadata.of(metadata),
            () -> {
              acknowledged.complete(null);
              return CompletableFuture.completedFuture(null);
            },
            failure -> {
              acknowledged.completeExceptionally(failure);
              return CompletableFuture.completedFuture(null);
            }));
    return acknowledged;
  }

  private static void header(RecordHeaders headers, String name, String value) {
    headers.add(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
