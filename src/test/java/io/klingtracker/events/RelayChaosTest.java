package io.klingtracker.events;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.local.EmbeddedKafkaBroker;
import io.klingtracker.local.FreePort;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.config.ConfigResource;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Everything that can break between a commit and Kafka, at once. {@code -Dchaos.outage=30} makes
 * the broker stay away as long as one may want to see; {@code -Dchaos.seed} repeats a run.
 */
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
@Tag("story")
class RelayChaosTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 2_000;
  private static final int EVENTS = 20_000;
  private static final int WRITERS = 4;
  private static final int MAX_CHANGES = 20;
  private static final Duration WRITING = Duration.ofSeconds(5);
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private static EmbeddedKafkaBroker broker;

  @Inject KafkaWays ways;

  private final Jdbi jdbi = DATABASE.jdbi();

  @TempDir static Path directory;

  private static final String PASSWORD = "keeps-out-nobody";
  private static final int SECURE_PORT = FreePort.find();

  @BeforeAll
  static void a_broker() throws Exception {
    Path keys = directory.resolve("kafka.p12");
    int exit =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "kafka",
                "-keyalg",
                "EC",
                "-validity",
                "2",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=dns:localhost",
                "-storetype",
                "PKCS12",
                "-keystore",
                keys.toString(),
                "-storepass",
                PASSWORD)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("keytool.log").toFile())
            .start()
            .waitFor();
    assertEquals(0, exit);
    String secure = "SASL_SSL://localhost:" + SECURE_PORT;
    broker =
        EmbeddedKafkaBroker.ephemeral(
            Map.of(
                "listeners",
                secure,
                "advertised.listeners",
                secure,
                "listener.security.protocol.map",
                "SASL_SSL:SASL_SSL",
                "sasl.enabled.mechanisms",
                "PLAIN",
                "listener.name.sasl_ssl.plain.sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required user_tracker=\""
                    + PASSWORD
                    + "\";",
                "ssl.keystore.location",
                keys.toString(),
                "ssl.keystore.password",
                PASSWORD,
                "ssl.keystore.type",
                "PKCS12"));
  }

  @AfterAll
  static void no_broker() {
    broker.close();
  }

  @Test
  void whatever_breaks_every_committed_change_arrives_in_order_and_no_other() throws Exception {
    long seed = Long.getLong("chaos.seed", System.nanoTime());
    int outageSeconds = Integer.getInteger("chaos.outage", 2);
    Random random = new Random(seed);
    RelayRig rig = new RelayRig(jdbi, Map.of("topic", "chaos", "state.enabled", "false"));
    rig.tenant();
    Map<String, String> kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
    jdbi.useTransaction(
        handle -> {
          for (int i = 0; i < TASKS; i++) {
            RelayRig.submit(handle, RelayRig.taskId(i));
          }
        });

    KafkaWays.Publisher[] relays = {ways.start(rig, kafka), ways.start(rig, kafka)};
    ExecutorService threads = Executors.newFixedThreadPool(WRITERS + 1);
    AtomicInteger written = new AtomicInteger(TASKS);
    AtomicInteger rolledBack = new AtomicInteger();
    AtomicInteger kills = new AtomicInteger();
    AtomicInteger cuts = new AtomicInteger();
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < WRITERS; i++) {
        long writerSeed = random.nextLong();
        running.add(threads.submit(() -> write(new Random(writerSeed), written, rolledBack)));
      }
      Future<?> outage =
          threads.submit(
              () -> {
                pause(Duration.ofMillis(1000));
                broker.stop();
                pause(Duration.ofSeconds(outageSeconds));
                broker.start();
                return null;
              });
      while (!outage.isDone() || !running.stream().allMatch(Future::isDone)) {
        pause(Duration.ofMillis(100 + random.nextInt(300)));
        if (random.nextBoolean()) {
          int victim = random.nextInt(relays.length);
          relays[victim].die();
          kills.incrementAndGet();
          pause(Duration.ofMillis(random.nextInt(100)));
          relays[victim] = ways.start(rig, kafka);
        } else {
          cuts.addAndGet(cutConnections());
        }
      }
      outage.get();
      for (Future<?> writer : running) {
        writer.get();
      }
      // The last cut may still hit the connection that asks.
      await().atMost(LIMIT).ignoreExceptions().until(() -> rig.unpublished() == 0);
    } finally {
      threads.shutdownNow();
      for (KafkaWays.Publisher relay : relays) {
        relay.close();
      }
    }

    List<RelayRig.Seen> seen = RelayRig.topic(broker.bootstrapServers(), "chaos");
    Set<String> committed = new TreeSet<>(rig.committed().keySet());
    Set<String> arrived = new HashSet<>();
    Map<String, Integer> last = new HashMap<>();
    Map<String, Integer> partitions = new HashMap<>();
    for (RelayRig.Seen record : seen) {
      int sequence = Integer.parseInt(record.headers().get("ce_sequence"));
      assertEquals(
          record.partition(), partitions.computeIfAbsent(record.key(), key -> record.partition()));
      if (arrived.add(record.headers().get("ce_id"))) {
        assertEquals(
            last.getOrDefault(record.key(), 0) + 1,
            sequence,
            "first appearances of " + record.key() + ", seed " + seed);
        last.put(record.key(), sequence);
      }
    }
    int repeats = seen.size() - arrived.size();
    System.out.printf(
        "chaos: %d events, %d changes rolled back, %d relays killed, %d connections cut, broker away %d s:"
            + " %d repeats (%.2f %%), seed %d%n",
        committed.size(),
        rolledBack.get(),
        kills.get(),
        cuts.get(),
        outageSeconds,
        repeats,
        100.0 * repeats / seen.size(),
        seed);
    assertEquals(committed, new TreeSet<>(arrived), "seed " + seed);
    assertTrue(committed.size() >= EVENTS, "the writers wrote what they should");
  }

  @Test
  void kafka_away_holds_up_nobody_and_the_backlog_drains_fast() throws Exception {
    RelayRig rig = new RelayRig(jdbi, Map.of("topic", "backlog", "state.enabled", "false"));
    rig.tenant();
    Map<String, String> kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
    jdbi.useTransaction(
        handle -> {
          for (int i = 0; i < TASKS; i++) {
            RelayRig.submit(handle, RelayRig.taskId(i));
          }
        });
    try (KafkaWays.Publisher publisher = ways.start(rig, kafka)) {
      Relay relay = publisher.relay;
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      broker.stop();
      long began = System.nanoTime();
      List<String> ids = new ArrayList<>();
      for (int i = 0; i < TASKS; i++) {
        ids.add(RelayRig.taskId(i));
      }
      for (int round = 0; round < 8; round++) {
        for (int from = 0; from < TASKS; from += 100) {
          List<String> some = ids.subList(from, from + 100);
          jdbi.useTransaction(handle -> RelayRig.change(handle, some));
        }
        assertTrue(relay.held() <= rig.config.window(), "what is in memory is bounded");
      }
      double ingest = 8.0 * TASKS / seconds(began);
      long backlog = rig.unpublished();
      broker.start();
      CountDownLatch first = new CountDownLatch(1);
      await()
          .atMost(LIMIT)
          .pollInterval(Duration.ofMillis(5))
          .until(
              () -> {
                if (rig.unpublished() < backlog) {
                  first.countDown();
                }
                return first.getCount() == 0;
              });
      long drains = System.nanoTime();
      long left = rig.unpublished();
      await().atMost(LIMIT).pollInterval(Duration.ofMillis(5)).until(() -> rig.unpublished() == 0);
      double drain = left / seconds(drains);
      System.out.printf(
          "Kafka away: %d events written at %.0f/s meanwhile; backlog of %d drained at %.0f events/s%n",
          8 * TASKS, ingest, left, drain);
    }
  }

  @Test
  void a_record_too_large_for_kafka_is_parked_and_the_rest_flows() {
    RelayRig rig = new RelayRig(jdbi, Map.of("topic", "large", "state.enabled", "false"));
    rig.tenant();
    List<String> ids = List.of(RelayRig.taskId(0), RelayRig.taskId(1));
    jdbi.useTransaction(handle -> ids.forEach(id -> RelayRig.submit(handle, id)));
    String padding = "x".repeat(2_000_000);
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids.subList(0, 1), padding));
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    try (KafkaWays.Publisher publisher =
        ways.start(rig, Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      // The large one and the one behind it stay; the other task's are all there.
      await().atMost(LIMIT).until(() -> rig.store.lag().aside() == 1 && rig.unpublished() == 2);
      assertTrue(publisher.relay.held() <= 4);
    }
    // Once Kafka's bounds are raised it goes out, and then the one behind it.
    assertTrue(rig.setAside.retry("event:" + ids.get(0)));
    try (KafkaWays.Publisher publisher =
        ways.start(
            rig,
            Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "max.request.size",
                "3000000",
                "compression.type",
                "gzip"))) {
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      assertTrue(publisher.relay.held() <= 4);
    }
    List<Integer> sequences =
        RelayRig.topic(broker.bootstrapServers(), "large").stream()
            .filter(record -> record.key().equals(ids.get(0)))
            .map(record -> Integer.parseInt(record.headers().get("ce_sequence")))
            .toList();
    assertEquals(List.of(1, 2, 3), sequences);
  }

  @Test
  void the_usual_settings_of_kafka_bring_tls_and_a_password() {
    RelayRig rig = new RelayRig(jdbi, Map.of("topic", "secured", "topics.partitions", "3"));
    rig.tenant();
    jdbi.useTransaction(handle -> RelayRig.submit(handle, RelayRig.taskId(0)));
    try (KafkaWays.Publisher publisher = ways.start(rig, secured("wrong"))) {
      await().atMost(LIMIT).until(() -> publisher.relay.held() == 1);
      assertEquals(1, rig.unpublished());
    }
    try (KafkaWays.Publisher publisher = ways.start(rig, secured(PASSWORD))) {
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      assertTrue(publisher.relay.isRelaying());
    }
    List<RelayRig.Seen> seen = RelayRig.topic(broker.bootstrapServers(), "secured");
    assertEquals(List.of(RelayRig.taskId(0)), seen.stream().map(RelayRig.Seen::key).toList());
  }

  private static Map<String, String> secured(String password) {
    return Map.of(
        "bootstrap.servers",
        "localhost:" + SECURE_PORT,
        "security.protocol",
        "SASL_SSL",
        "sasl.mechanism",
        "PLAIN",
        "sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"tracker\" password=\""
            + password
            + "\";",
        "ssl.truststore.location",
        directory.resolve("kafka.p12").toString(),
        "ssl.truststore.password",
        PASSWORD,
        "ssl.truststore.type",
        "PKCS12");
  }

  @Test
  void topics_are_made_as_configured_where_that_is_allowed() throws Exception {
    Map<String, Object> connection = Map.of("bootstrap.servers", broker.bootstrapServers());
    try (Admin admin = Admin.create(connection)) {
      for (String name : List.of("forbidden", "allowed")) {
        String mayMake = Boolean.toString(name.equals("allowed"));
        KafkaTopics topics =
            new KafkaTopics(() -> connection, RelayRig.config(topics(name, mayMake)));
        topics.ensure(topics.events());
        topics.ensure(topics.states());
      }

      // A broker may learn of a topic a moment after it was made.
      await()
          .atMost(LIMIT)
          .until(
              () ->
                  admin.listTopics().names().get().containsAll(Set.of("allowed", "allowed-state")));
      Set<String> made = admin.listTopics().names().get();
      assertFalse(made.contains("forbidden") || made.contains("forbidden-state"));
      ConfigResource state = new ConfigResource(ConfigResource.Type.TOPIC, "allowed-state");
      assertEquals(
          5,
          admin
              .describeTopics(Set.of("allowed"))
              .allTopicNames()
              .get()
              .get("allowed")
              .partitions()
              .size());
      assertEquals(
          "compact",
          admin
              .describeConfigs(Set.of(state))
              .all()
              .get()
              .get(state)
              .get("cleanup.policy")
              .value());
    }
  }

  private static Map<String, String> topics(String name, String create) {
    return Map.of(
        "topic",
        name,
        "state.topic",
        name + "-state",
        "topics.create",
        create,
        "topics.partitions",
        "5");
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }

  /** Transactions of one to twenty changes, evenly over the time, some rolled back, some cut. */
  private void write(Random random, AtomicInteger written, AtomicInteger rolledBack) {
    long began = System.nanoTime();
    while (written.get() < EVENTS) {
      double due = Math.min(1, seconds(began) / WRITING.toSeconds());
      if (written.get() > TASKS + (EVENTS - TASKS) * due) {
        Thread.onSpinWait();
        pause(Duration.ofMillis(1));
        continue;
      }
      Set<String> ids = new TreeSet<>();
      for (int i = random.nextInt(MAX_CHANGES); i >= 0; i--) {
        ids.add(RelayRig.taskId(random.nextInt(TASKS)));
      }
      try (Handle handle = jdbi.open()) {
        handle.begin();
        RelayRig.change(handle, List.copyOf(ids));
        if (random.nextInt(10) == 0) {
          handle.rollback();
          rolledBack.addAndGet(ids.size());
        } else {
          handle.commit();
          written.addAndGet(ids.size());
        }
      } catch (JdbiException e) {
        // Cut. Whether the commit arrived is for the table of events to say.
        pause(Duration.ofMillis(1));
      }
    }
  }

  private int cutConnections() {
    try {
      return jdbi.withHandle(
          handle ->
              handle
                  .createQuery(
                      """
                      select count(pg_terminate_backend(pid)) from (
                        select pid from pg_stat_activity
                        where datname = current_database() and pid <> pg_backend_pid()
                        order by random() limit 3) as victims
                      """)
                  .mapTo(Integer.class)
                  .one());
    } catch (JdbiException e) {
      return 0;
    }
  }

  private static void pause(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
