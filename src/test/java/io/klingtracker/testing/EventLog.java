package io.klingtracker.testing;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** What a consumer of the topic has seen so far, from its beginning on. */
public final class EventLog implements AutoCloseable {

  private static final String TOPIC = "kling.task.events";
  private static final Duration POLL = Duration.ofMillis(200);

  private final KafkaConsumer<String, String> consumer;
  private final Map<String, Map<Integer, Event>> byTask = new HashMap<>();

  /** A record, as it came. */
  public record Event(int partition, JsonNode value, Map<String, String> headers) {
    /** The new status. */
    public String status() {
      return value.get("status").asText();
    }
  }

  /** A consumer of its own, not in any group. */
  public EventLog(String bootstrapServers) {
    consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers, "auto.offset.reset", "earliest"),
            new StringDeserializer(),
            new StringDeserializer());
  }

  /** First appearances of a task's events, in the order in which they came, by sequence. */
  public Map<Integer, Event> of(String taskId) {
    if (consumer.assignment().isEmpty()) {
      List<PartitionInfo> partitions = consumer.partitionsFor(TOPIC);
      consumer.assign(
          partitions.stream().map(p -> new TopicPartition(TOPIC, p.partition())).toList());
      consumer.seekToBeginning(consumer.assignment());
    }
    for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
      JsonNode event = Schemas.event(record.value());
      byTask
          .computeIfAbsent(record.key(), key -> new LinkedHashMap<>())
          .putIfAbsent(
              event.get("sequence").asInt(), new Event(record.partition(), event, headers(record)));
    }
    return byTask.getOrDefault(taskId, Map.of());
  }

  /** The statuses of a task's changes, in the order in which they came. */
  public List<String> statuses(String taskId) {
    return new ArrayList<>(of(taskId).values())
        .stream().filter(event -> !event.value().has("type")).map(Event::status).toList();
  }

  private static Map<String, String> headers(ConsumerRecord<String, String> record) {
    Map<String, String> headers = new TreeMap<>();
    record
        .headers()
        .forEach(
            header ->
                headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8)));
    return headers;
  }

  @Override
  public void close() {
    consumer.close();
  }
}
