package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The replica that relays is paused with events in flight, the other does it and brings all tasks
 * to their ends, and the first wakes up: the last record of every task on the compacted topic
 * equals the API.
 */
@Field
@ExtendWith(Stage.class)
final class Row58PausedOwner {

  private static final int ROUNDS = 3;
  private static final int TASKS = 60;
  private static final Duration LATER = Duration.ofSeconds(4);
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void the_compacted_topic_ends_with_the_newest(Stage stage) throws Exception {
    String name = "paused";
    stage.servers().postgres().ensureDatabase(name);
    Installation.Place place =
        Installation.Place.at(stage.servers().postgres().jdbcUrl(name), Map.of());
    Installation installation = stage.installation(2, place);
    String topic = place.name() + ".state";
    Findings findings = new Findings();
    try (LostReplica paused = new LostReplica(installation)) {
      LostReplica.await("both are seen", () -> paused.alive() == 2);
      for (int round = 1; round <= ROUNDS; round++) {
        paused.giveRelay();
        paused.submit(TASKS / 2, installation.servers().sink().url());
        paused.signal("STOP");
        paused.submit(TASKS / 2, installation.servers().sink().url());
        LostReplica.await("the other is alone", () -> paused.alive() == 1);
        paused.ended();
        LostReplica.await(
            "all events are on the topic",
            () -> installation.sql().number("select count(*) from outbox") == 0);
        paused.signal("CONT");
        LostReplica.await("both are seen", () -> paused.alive() == 2);
        double equal =
            LostReplica.await(
                "the compacted topic equals the API",
                () -> newest(installation, topic).equals(inDatabase(installation, paused.tasks())));
        System.out.printf(
            Locale.ROOT,
            "== row 58: round %d: %d tasks, the topic of states equals the API %.1f s after the wake-up%n",
            round,
            paused.tasks().size(),
            equal);
      }
      // What a late record would do it has done by now: nothing may have changed.
      LockSupport.parkNanos(LATER.toNanos());
      findings.require(
          newest(installation, topic).equals(inDatabase(installation, paused.tasks())),
          "the last record is the newest",
          "a while later");
      paused.judge(findings);
    } finally {
      stage.discard();
    }
    if (!findings.none()) {
      fail("row 58:" + findings);
    }
  }

  private static Map<String, Integer> inDatabase(Installation installation, List<String> tasks) {
    Map<String, Integer> sequences = new HashMap<>();
    installation
        .sql()
        .rows(
            "select id, sequence from task where id = any(?)",
            (Object) tasks.toArray(new String[0]))
        .forEach(row -> sequences.put(row.get(0), Integer.parseInt(row.get(1))));
    return sequences;
  }

  /** The sequence of each task's last record. */
  private static Map<String, Integer> newest(Installation installation, String topic) {
    Map<String, Integer> last = new HashMap<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", installation.servers().kafka().bootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(partition -> new TopicPartition(topic, partition.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream()
          .anyMatch(partition -> consumer.position(partition) < ends.getOrDefault(partition, 0L))) {
        for (ConsumerRecord<String, String> one : consumer.poll(Duration.ofMillis(200))) {
          last.put(one.key(), JSON.readTree(one.value()).path("sequence").asInt());
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return last;
  }
}
