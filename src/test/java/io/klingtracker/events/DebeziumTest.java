package io.klingtracker.events;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.testing.TrackerStack;
import java.io.Reader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.connect.source.SourceRecord;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Debezium's event router over the table of events gives the records that our relay gives. */
class DebeziumTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int EVENTS_PER_SECOND = 200;

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  @Test
  void debezium_gives_the_same_records_as_the_relay() throws Exception {
    String kafka = TrackerStack.kafkaBootstrapServers();
    String run = UUID.randomUUID().toString();
    String ours = "relay-" + run;
    String theirs = "debezium-" + run;
    Map<String, String> settings =
        Map.of("topic", ours, "state.enabled", "false", "topics.partitions", "1");
    Map<String, Object> connection = Map.of("bootstrap.servers", kafka);
    KafkaTopics topics = new KafkaTopics(() -> connection, RelayRig.config(settings));
    topics.ensure(ours);
    topics.ensure(theirs);
    ExecutorService threads = Executors.newFixedThreadPool(2);
    Jdbi jdbi = DATABASE.jdbi();
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            ProducerSettings.of(connection), new StringSerializer(), new StringSerializer())) {
      RelayRig rig = new RelayRig(jdbi, settings);
      rig.tenant();
      try (DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine =
              engine(theirs, producer);
          Relay relay = rig.relay(rig.sink(producer, connection))) {
        threads.execute(engine);
        relay.loop().start();
        await()
            .atMost(LIMIT)
            .until(
                () ->
                    jdbi.withHandle(
                        h ->
                            h.createQuery(
                                    "select exists (select from pg_replication_slots where active)")
                                .mapTo(Boolean.class)
                                .one()));
        Latencies latencies = new Latencies(kafka, List.of(ours, theirs));
        int seconds = Integer.getInteger("debezium.seconds", 3);
        write(jdbi, relay, seconds * EVENTS_PER_SECOND);
        jdbi.useTransaction(handle -> RelayRig.erase(handle, RelayRig.taskId(0)));
        relay.wake();
        latencies.await(seconds * EVENTS_PER_SECOND + 1);
        latencies.print(ours, "built-in relay");
        latencies.print(theirs, "Debezium, tuned");
      }
      Map<String, List<String>> relayed = records(kafka, ours);
      assertEquals(relayed, records(kafka, theirs));
      List<String> erased = relayed.get(RelayRig.taskId(0));
      assertTrue(erased.get(erased.size() - 1).contains("ce_type=kling.task.erased.v1"));
      assertTrue(erased.get(0).contains("ce_type=kling.task.status-changed.v1"));
    } finally {
      threads.shutdownNow();
    }
  }

  /** Changes of a few tasks, one transaction each, evenly over the time. */
  private static void write(Jdbi jdbi, Relay relay, int events) throws InterruptedException {
    int tasks = 20;
    long began = System.nanoTime();
    for (int i = 0; i < events; i++) {
      String id = RelayRig.taskId(i % tasks);
      boolean fresh = i < tasks;
      jdbi.useTransaction(
          handle -> {
            if (fresh) {
              RelayRig.submit(handle, id);
            } else {
              RelayRig.change(handle, List.of(id));
            }
          });
      relay.wake();
      long due = began + 1_000_000_000L * (i + 1) / EVENTS_PER_SECOND;
      long left = due - System.nanoTime();
      if (left > 0) {
        Thread.sleep(left / 1_000_000, (int) (left % 1_000_000));
      }
    }
  }

  /** The engine with the settings that the documentation names; its sink is what Connect does. */
  private DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine(
      String topic, KafkaProducer<String, String> producer) throws Exception {
    Properties properties = new Properties();
    try (Reader documented =
        Files.newBufferedReader(Path.of("src/docs/debezium-connector.properties"))) {
      properties.load(documented);
    }
    properties.setProperty("name", "test");
    URI database = URI.create(DATABASE.jdbcUrl().substring("jdbc:".length()));
    properties.setProperty("database.hostname", database.getHost());
    properties.setProperty("database.port", Integer.toString(database.getPort()));
    properties.setProperty("database.user", EmbeddedPostgresServer.USER);
    properties.setProperty("database.password", "");
    properties.setProperty("database.dbname", database.getPath().substring(1));
    // The server is shared: no slot of ours may keep its log.
    properties.setProperty("slot.drop.on.stop", "true");
    properties.setProperty(
        "offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
    return DebeziumEngine.create(Connect.class)
        .using(properties)
        .notifying(
            event -> {
              SourceRecord source = event.value();
              ProducerRecord<String, String> record =
                  new ProducerRecord<>(
                      source.topic().equals("kling.task.events") ? topic : source.topic(),
                      (String) source.key(),
                      (String) source.value());
              source
                  .headers()
                  .forEach(
                      header ->
                          record
                              .headers()
                              .add(
                                  header.key(),
                                  header.value() == null
                                      ? null
                                      : header
                                          .value()
                                          .toString()
                                          .getBytes(StandardCharsets.UTF_8)));
              producer.send(record);
            })
        .build();
  }

  /** Per task its records in order, but for the differences in notation that the guide names. */
  private static Map<String, List<String>> records(String kafka, String topic) {
    return RelayRig.topic(kafka, topic).stream()
        .collect(
            Collectors.groupingBy(
                RelayRig.Seen::key,
                Collectors.mapping(
                    record -> {
                      Map<String, String> headers = new java.util.TreeMap<>(record.headers());
                      // Connect takes the constant for a number.
                      headers.replace("ce_specversion", "1", "1.0");
                      headers.computeIfPresent(
                          "ce_time",
                          (name, time) -> Long.toString(Instant.parse(time).toEpochMilli()));
                      return headers + " " + record.value();
                    },
                    Collectors.toList())));
  }

  /** Reads topics as they grow and notes how old each record is on arrival. */
  private static final class Latencies {
    private final KafkaConsumer<String, String> consumer;
    private final Map<String, List<Double>> millis = new HashMap<>();

    Latencies(String kafka, List<String> topics) {
      consumer =
          new KafkaConsumer<>(
              Map.of("bootstrap.servers", kafka, "auto.offset.reset", "earliest"),
              new StringDeserializer(),
              new StringDeserializer());
      consumer.assign(topics.stream().map(topic -> new TopicPartition(topic, 0)).toList());
      topics.forEach(topic -> millis.put(topic, new ArrayList<>()));
    }

    void await(int events) {
      long end = System.nanoTime() + LIMIT.toNanos();
      while (millis.values().stream().anyMatch(seen -> seen.size() < events)
          && System.nanoTime() < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          String time =
              new String(record.headers().lastHeader("ce_time").value(), StandardCharsets.UTF_8);
          // Kafka's own time of arrival, since this reader starts late.
          millis
              .getOrDefault(record.topic(), new ArrayList<>())
              .add((double) record.timestamp() - Instant.parse(time).toEpochMilli());
        }
      }
      consumer.close();
    }

    void print(String topic, String who) {
      List<Double> sorted = millis.getOrDefault(topic, List.of()).stream().sorted().toList();
      System.out.printf(
          "change to Kafka at %d events/s, %s: p50 %.0f ms, p99 %.0f ms (%d events)%n",
          EVENTS_PER_SECOND,
          who,
          sorted.get(sorted.size() / 2),
          sorted.get((int) (sorted.size() * 0.99)),
          sorted.size());
    }
  }
}
