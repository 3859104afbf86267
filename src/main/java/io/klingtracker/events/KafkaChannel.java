package io.klingtracker.events;

import io.smallrye.reactive.messaging.kafka.Record;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.header.Headers;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.jspecify.annotations.Nullable;

/** A channel to Kafka, with an acknowledgement for each record. */
final class KafkaChannel {

  private final Consumer<Message<Record<String, @Nullable String>>> channel;
  private volatile @Nullable String broken;

  /**
   * A channel.
   *
   * @param channel takes messages without waiting, acknowledges each that Kafka has and refuses the
   *     others
   */
  KafkaChannel(Consumer<Message<Record<String, @Nullable String>>> channel) {
    this.channel = channel;
  }

  /**
   * Ends when every replica in step has the record, or exceptionally.
   *
   * @param topic null means the channel's own
   */
  CompletionStage<Void> send(
      @Nullable String topic, String key, @Nullable String value, Headers headers) {
    CompletableFuture<Void> acknowledged = new CompletableFuture<>();
    Metadata metadata =
        Metadata.of(
            OutgoingKafkaRecordMetadata.builder().withTopic(topic).withHeaders(headers).build());
    try {
      channel.accept(
          Message.of(
              Record.of(key, value),
              metadata,
              () -> {
                broken = null;
                acknowledged.complete(null);
                return CompletableFuture.completedFuture(null);
              },
              failure -> {
                if (failure instanceof KafkaException && !(failure instanceof ApiException)) {
                  // Not Kafka's word on this record: the producer itself takes nothing any more.
                  broken = String.valueOf(failure.getMessage());
                }
                acknowledged.completeExceptionally(failure);
                return CompletableFuture.completedFuture(null);
              }));
    } catch (RuntimeException e) {
      acknowledged.completeExceptionally(e);
    }
    return acknowledged;
  }

  /** Why the channel's producer takes nothing any more, until it does; null when it does. */
  @Nullable String broken() {
    return broken;
  }
}
