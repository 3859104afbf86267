package io.klingtracker.events;

import static org.awaitility.Awaitility.await;

import io.smallrye.reactive.messaging.kafka.Record;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.StringSerializer;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** The relay over a test's database, to a topic of a test's own, without a container. */
public final class RelayParts implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final RelayRig rig;
  private final KafkaProducer<String, @Nullable String> producer;
  private final Relay relay;

  /** A relay that has begun its work. */
  public RelayParts(Jdbi jdbi, String bootstrapServers, String topic) {
    Map<String, Object> settings =
        ProducerSettings.of(Map.of("bootstrap.servers", bootstrapServers));
    rig = new RelayRig(jdbi, Map.of("topic", topic, "state.enabled", "false"));
    producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    KafkaChannel outlet = new KafkaChannel(message -> send(topic, message));
    relay =
        rig.relay(
            new KafkaSink(outlet, outlet, outlet, new KafkaTopics(() -> settings, rig.config)));
    relay.loop().start();
  }

  private void send(String topic, Message<Record<String, @Nullable String>> message) {
    Record<String, @Nullable String> record = message.getPayload();
    Headers headers =
        message.getMetadata(OutgoingKafkaRecordMetadata.class).orElseThrow().getHeaders();
    producer.send(
        new ProducerRecord<>(
            RelayRig.topicOf(message, topic), null, record.key(), record.value(), headers),
        (done, failure) -> {
          if (failure == null) {
            message.ack();
          } else {
            message.nack(failure);
          }
        });
  }

  /** Waits until Kafka has every committed event. */
  public void drain() {
    relay.wake();
    await().atMost(LIMIT).pollInterval(Duration.ofMillis(20)).until(() -> rig.unpublished() == 0);
  }

  /** The ids of all events on a topic, in their order there, by task. */
  public static Map<String, List<String>> eventIds(String bootstrapServers, String topic) {
    Map<String, List<String>> ids = new HashMap<>();
    for (RelayRig.Seen seen : RelayRig.topic(bootstrapServers, topic)) {
      ids.computeIfAbsent(seen.key(), task -> new ArrayList<>()).add(seen.headers().get("ce_id"));
    }
    return ids;
  }

  @Override
  public void close() {
    relay.close();
    producer.close(Duration.ofSeconds(5));
  }
}
