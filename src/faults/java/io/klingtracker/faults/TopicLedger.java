package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Every record of the events' topic, in the order of its partition. */
final class TopicLedger implements AutoCloseable {

  private static final int PARTITIONS = 4;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** One record on the topic. */
  record Event(String taskId, int sequence, String eventId, String status, int partition) {}

  private final String topic;
  private final List<Event> events = new ArrayList<>();
  private final StringBuilder unread = new StringBuilder();
  private final Thread thread;
  private volatile boolean stopped;

  TopicLedger(String bootstrap, String topic) {
    this.topic = topic;
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin
          .createTopics(List.of(new NewTopic(topic, Optional.of(PARTITIONS), Optional.empty())))
          .all()
          .get(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("topic " + topic + ": " + e.getMessage(), e);
    }
    thread = new Thread(() -> run(bootstrap), "ledger-" + topic);
    thread.setDaemon(true);
    thread.start();
  }

  private void run(String bootstrap) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("key.deserializer", ByteArrayDeserializer.class.getName());
    config.put("value.deserializer", ByteArrayDeserializer.class.getName());
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (int partition = 0; partition < PARTITIONS; partition++) {
        partitions.add(new TopicPartition(topic, partition));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (!stopped) {
        for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(200))) {
          note(one);
        }
      }
    }
  }

  private synchronized void note(ConsumerRecord<byte[], byte[]> one) {
    try {
      JsonNode event = JSON.readTree(one.value());
      events.add(
          new Event(
              event.path("task_id").asText(),
              event.path("sequence").asInt(),
              event.path("event_id").asText(),
              event.path("status").asText(),
              one.partition()));
    } catch (IOException e) {
      unread.append("offset ").append(one.offset()).append(": ").append(e.getMessage());
    }
  }

  synchronized List<Event> events() {
    return List.copyOf(events);
  }

  /** What could not be read as an event; empty when all was. */
  synchronized String unread() {
    return unread.toString();
  }

  @Override
  public void close() {
    stopped = true;
    try {
      thread.join(5_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
