package io.klingtracker.bench;

import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.connect.source.SourceRecord;

/** Debezium's embedded engine on the table of events, writing to a topic of its own. */
final class Debezium implements AutoCloseable {

  private static final Path DOCUMENTED = Path.of("src/docs/debezium-connector.properties");

  private final DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine;
  private final KafkaProducer<String, String> producer;
  private final ExecutorService thread = Executors.newSingleThreadExecutor();

  /**
   * Starts it and waits until it reads.
   *
   * @param name of its slot, its publication and its topic
   * @param tuned whether its own wait between polls is replaced by the documented one
   */
  Debezium(Database database, String bootstrap, String name, String topic, boolean tuned) {
    producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers",
                bootstrap,
                "acks",
                "all",
                "enable.idempotence",
                "true",
                "linger.ms",
                "0"),
            new StringSerializer(),
            new StringSerializer());
    Properties properties = documented();
    if (!tuned) {
      properties.remove("poll.interval.ms");
    }
    properties.setProperty("name", name);
    // Engines in one JVM that share a prefix wait for one another's metrics.
    properties.setProperty("topic.prefix", name);
    properties.setProperty("slot.name", name);
    // The next one begins with what is written then.
    properties.setProperty("slot.drop.on.stop", "true");
    properties.setProperty("publication.name", name);
    properties.setProperty("database.hostname", "localhost");
    properties.setProperty("database.port", Integer.toString(database.port()));
    properties.setProperty("database.user", "postgres");
    properties.setProperty("database.password", "");
    properties.setProperty("database.dbname", database.name());
    properties.setProperty(
        "offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
    engine =
        DebeziumEngine.create(Connect.class)
            .using(properties)
            .notifying(event -> forward(topic, event.value()))
            .build();
    thread.execute(engine);
    boolean reads =
        Database.await(
            Duration.ofSeconds(60),
            () ->
                database.number(
                        "select count(*) from pg_replication_slots where active and slot_name = '"
                            + name
                            + "'")
                    == 1);
    if (!reads) {
      throw new IllegalStateException("Debezium does not start");
    }
  }

  private static Properties documented() {
    Properties properties = new Properties();
    try (Reader text = Files.newBufferedReader(DOCUMENTED)) {
      properties.load(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties;
  }

  private void forward(String topic, SourceRecord source) {
    ProducerRecord<String, String> record =
        new ProducerRecord<>(topic, (String) source.key(), (String) source.value());
    source
        .headers()
        .forEach(
            header -> {
              if (header.value() != null) {
                record
                    .headers()
                    .add(header.key(), header.value().toString().getBytes(StandardCharsets.UTF_8));
              }
            });
    producer.send(record);
  }

  @Override
  public void close() {
    try {
      engine.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      thread.shutdownNow();
      producer.close(Duration.ofSeconds(5));
    }
  }
}
