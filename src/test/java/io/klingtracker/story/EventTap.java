package io.klingtracker.story;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A consumer of the whole topic from its beginning. */
public final class EventTap implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final KafkaConsumer<String, String> consumer;
  private final String topic;
  private final List<Event> seen = new ArrayList<>();

  /** One record. */
  public record Event(String key, int partition, JsonNode value, Map<String, String> headers) {
    /** The task's number of the change. */
    public int sequence() {
      return value.get("sequence").asInt();
    }

    /** The new status. */
    public String status() {
      return value.get("status").asText();
    }
  }

  public EventTap(String bootstrapServers, String topic) {
    this.topic = topic;
    this.consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers, "auto.offset.reset", "earliest"),
            new StringDeserializer(),
            new StringDeserializer());
  }

  /**
   * The events of one task in the order in which they stand on Kafka, once {@code enough} of them
   * are there.
   */
  public List<Event> of(String taskId, Predicate<List<Event>> enough) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < end) {
      List<Event> mine = seen.stream().filter(event -> event.key().equals(taskId)).toList();
      if (enough.test(mine)) {
        return mine;
      }
      poll();
    }
    throw new AssertionError("not enough events of " + taskId + " on Kafka: " + seen);
  }

  private void poll() {
    if (consumer.assignment().isEmpty()) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
    }
    for (ConsumerRecord<String, String> next : consumer.poll(Duration.ofMillis(200))) {
      Map<String, String> headers = new java.util.TreeMap<>();
      for (Header header : next.headers()) {
        headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
      }
      try {
        seen.add(new Event(next.key(), next.partition(), JSON.readTree(next.value()), headers));
      } catch (IOException e) {
        throw new AssertionError("not JSON on " + topic + ": " + next.value(), e);
      }
    }
  }

  @Override
  public void close() {
    consumer.close();
  }
}
