package io.klingtracker.events;

import io.klingtracker.time.Rfc3339;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Sends to Kafka: CloudEvents 1.0 in binary mode, every replica of the partition acknowledging,
 * idempotent. A producer that has failed for good is replaced.
 */
final class KafkaSink implements EventSink {

  static final String TYPE = "kling.task.status-changed.v1";
  static final String SOURCE = "/kling-task-tracker";

  /** Marks a record that an administrator had sent again. */
  static final String REPLAYED = "ce_replayed";

  private static final Logger LOG = Logger.getLogger(KafkaSink.class);

  private final Map<String, Object> settings;
  private final String topic;
  private final String stateTopic;
  private final boolean replays;
  private final KafkaTopics topics;
  private @Nullable Producer<String, String> producer;
  private boolean closed;

  KafkaSink(Map<String, Object> kafka, RelayConfig config, boolean replays) {
    this.settings = settings(kafka);
    this.topic = config.topic();
    this.stateTopic = config.state().topic();
    this.replays = replays;
    this.topics = new KafkaTopics(kafka, config);
  }

  /**
   * The usual Kafka settings, {@code kafka.*}, over our defaults; what the promises rest on is not
   * negotiable.
   */
  static Map<String, Object> settings(Map<String, Object> kafka) {
    Map<String, Object> settings = new HashMap<>();
    settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    settings.put(ProducerConfig.LINGER_MS_CONFIG, "0");
    // With more, a partition whose leader is just moving can take the second batch before the
    // first,
    // and then refuses the first as out of order until it times out. What waits goes as one
    // request.
    settings.put(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, "1");
    settings.put(ProducerConfig.BATCH_SIZE_CONFIG, "65536");
    settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, "33554432");
    settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, "2000");
    settings.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, "5000");
    settings.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, "15000");
    settings.put(ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "1000");
    settings.putAll(kafka);
    settings.remove("group.id");
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
    settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
    settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
    return settings;
  }

  @Override
  public CompletionStage<Void> send(OutboxMessage message) {
    ProducerRecord<String, String> event =
        new ProducerRecord<>(topic, message.taskId(), message.payload());
    Headers headers = event.headers();
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
    CompletableFuture<Void> sent = send(event);
    String state = message.state();
    return state == null
        ? sent
        : CompletableFuture.allOf(
            sent, send(new ProducerRecord<>(stateTopic, message.taskId(), state)));
  }

  @Override
  public CompletionStage<Void> forget(String taskId) {
    return send(new ProducerRecord<>(stateTopic, taskId, null));
  }

  private CompletableFuture<Void> send(ProducerRecord<String, @Nullable String> record) {
    CompletableFuture<Void> acknowledged = new CompletableFuture<>();
    try {
      Producer<String, String> current = producer();
      current.send(
          record,
          (metadata, failure) -> {
            if (failure == null) {
              acknowledged.complete(null);
            } else {
              if (isFatal(failure)) {
                replace(current, failure);
              }
              acknowledged.completeExceptionally(failure);
            }
          });
    } catch (RuntimeException e) {
      acknowledged.completeExceptionally(e);
    }
    return acknowledged;
  }

  private synchronized Producer<String, String> producer() {
    if (closed) {
      throw new IllegalStateException("the way to Kafka is closed");
    }
    Producer<String, String> current = producer;
    if (current == null) {
      topics.ensure();
      current = new KafkaProducer<>(settings);
      producer = current;
    }
    return current;
  }

  /** Anything that neither passes nor is the record's own fault may have ended the producer. */
  private static boolean isFatal(Exception failure) {
    return !(failure instanceof RetriableException) && !Poison.is(failure);
  }

  // Closing waits for the producer's thread, which may be in a callback that wants our lock: never
  // close while holding it.
  private void replace(Producer<String, String> broken, Exception why) {
    synchronized (this) {
      if (producer != broken) {
        return;
      }
      producer = null;
    }
    LOG.warnf("the Kafka producer is replaced: %s", why.getMessage());
    broken.close(Duration.ZERO);
  }

  @Override
  public void close() {
    Producer<String, String> last;
    synchronized (this) {
      closed = true;
      last = producer;
      producer = null;
    }
    if (last != null) {
      last.close(Duration.ZERO);
    }
  }

  private static void header(Headers headers, String name, String value) {
    headers.add(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
