package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.storage.StorageConfig;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** No task is removed that is not in the archive, whole and listed. */
class ArchiveTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TaskSignal SUCCEED = new TaskSignal.Succeed("{\"videos\":[]}");

  @TempDir Path folder;

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final ReplicaId me = new ReplicaId();
  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final List<String> told = new ArrayList<>();

  /** How many were removed in a transaction. */
  private final List<Integer> together = new ArrayList<>();

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
    jdbi.useHandle(
        h -> {
          h.execute("insert into replica (id, number, seen_at) values (?, 1, now())", me.id());
          h.execute("insert into task_sum_place select id, ?, 0 from tenant", Long.MAX_VALUE);
        });
  }

  private Archive archive() {
    return new Archive(
        Settings.of(ArchiveConfig.class, Map.of("tracker.archive.url", folder.toUri().toString())),
        Settings.of(StorageConfig.class, Map.of()),
        new ArchiveStore(jdbi),
        JSON,
        clock,
        registry);
  }

  private Retention retention(int rate) {
    return RetentionTest.of(
        jdbi,
        archive(),
        Settings.of(
            RetentionConfig.class,
            Map.of("tracker.retention.tasks", "30D", "tracker.retention.rate", "" + rate)),
        clock,
        me,
        new NotifyingEvent<>(
            removed -> {
              told.addAll(removed.taskIds());
              together.add(removed.taskIds().size());
            }),
        registry);
  }

  private String ended(GivenTask given, Duration ago) {
    Instant at = NOW.minus(ago);
    clock.advance(Duration.between(clock.instant(), at));
    String id = given.submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(id, Source.POLL, SUCCEED));
    clock.advance(Duration.between(at, NOW));
    jdbi.useHandle(h -> h.execute("delete from outbox"));
    return id;
  }

  private String ended(String tenant, Duration ago) {
    return ended(GivenTask.of(tenant), ago);
  }

  private List<String> left() {
    return Rows.texts(jdbi, "select id from task order by id");
  }

  private List<String> files() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile)
          .map(file -> folder.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  private List<JsonNode> lines(String part) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(folder.resolve(part))),
                StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(JSON.readTree(line));
      }
    }
    return lines;
  }

  @Test
  void removed_tasks_are_in_parts_by_tenant_and_day_with_a_manifest() throws Exception {
    String first =
        ended(
            GivenTask.of("acme").body("{\n \"prompt\": \"é\"}").externalTaskId("order-1"),
            Duration.ofDays(40));
    String second = ended("acme", Duration.ofDays(40).minusMinutes(1));
    String nextDay = ended("acme", Duration.ofDays(39));
    String others = ended("other", Duration.ofDays(40));
    String young = ended("acme", Duration.ofDays(29));
    Retention retention = retention(500);

    retention.removeBatch();
    assertEquals(List.of(young), left());
    assertTrue(archive().list() == false);

    assertEquals(
        List.of(
            "acme/2026-02-19/manifest.json",
            "acme/2026-02-19/part-1.ndjson.gz",
            "acme/2026-02-20/manifest.json",
            "acme/2026-02-20/part-1.ndjson.gz",
            "other/2026-02-19/manifest.json",
            "other/2026-02-19/part-1.ndjson.gz"),
        files());
    List<JsonNode> lines = lines("acme/2026-02-19/part-1.ndjson.gz");
    assertEquals(
        List.of(first, second), lines.stream().map(line -> line.get("task_id").asText()).toList());
    JsonNode line = lines.get(0);
    assertEquals("acme", line.get("tenant").asText());
    assertEquals("order-1", line.get("external_task_id").asText());
    assertEquals("succeed", line.get("status").asText());
    assertEquals("{\n \"prompt\": \"é\"}", line.get("request").asText());
    assertEquals(18, line.get("request_bytes").asInt());
    assertEquals(3, line.get("events").size());
    assertEquals("queued", line.at("/events/0/status").asText());
    assertEquals(1, lines("acme/2026-02-20/part-1.ndjson.gz").size());
    assertEquals(nextDay, lines("acme/2026-02-20/part-1.ndjson.gz").get(0).get("task_id").asText());
    assertEquals(others, lines("other/2026-02-19/part-1.ndjson.gz").get(0).get("task_id").asText());
    JsonNode manifest = JSON.readTree(folder.resolve("acme/2026-02-19/manifest.json").toFile());
    assertEquals("acme", manifest.get("tenant").asText());
    assertEquals("2026-02-19", manifest.get("day").asText());
    assertEquals(2, manifest.get("tasks").asInt());
    byte[] part = Files.readAllBytes(folder.resolve("acme/2026-02-19/part-1.ndjson.gz"));
    assertEquals("part-1.ndjson.gz", manifest.at("/parts/0/part").asText());
    assertEquals(2, manifest.at("/parts/0/tasks").asInt());
    assertEquals(part.length, manifest.at("/parts/0/bytes").asInt());
    assertEquals(
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(part)),
        manifest.at("/parts/0/sha256").asText());
    assertEquals("2026-03-31T12:00:00.000Z", manifest.at("/parts/0/written_at").asText());
    assertEquals(4.0, registry.get("tracker.archive.tasks").counter().count());
  }

  @Test
  void each_batch_adds_a_part_and_the_manifest_has_them_all() throws IOException {
    for (int i = 0; i < 5; i++) {
      ended("acme", Duration.ofDays(40).minusSeconds(i));
    }
    Retention retention = retention(2);
    while (retention.removeBatch()) {
      archive().list();
    }
    archive().list();
    JsonNode manifest = JSON.readTree(folder.resolve("acme/2026-02-19/manifest.json").toFile());
    assertEquals(5, manifest.get("tasks").asInt());
    assertEquals(3, manifest.get("parts").size());
    assertEquals(1, lines("acme/2026-02-19/part-3.ndjson.gz").size());
  }

  @Test
  void a_transaction_writes_a_few_parts_and_the_others_have_their_own() throws IOException {
    int days = 2 * Archive.PARTS + 1;
    for (int day = 0; day < days; day++) {
      ended("acme", Duration.ofDays(40 + day));
    }

    assertFalse(retention(100).removeBatch());

    assertEquals(List.of(), left());
    assertEquals(days, files().size());
    assertEquals(List.of(Archive.PARTS, Archive.PARTS, 1), together);
  }

  @Test
  void what_cannot_be_archived_is_not_removed() throws IOException {
    String id = ended("acme", Duration.ofDays(40));
    Files.writeString(folder.resolve("acme"), "in the way");

    assertThrows(UncheckedIOException.class, () -> retention(500).removeBatch());
    assertEquals(List.of(id), left());
    assertEquals(List.of(), told);

    Files.delete(folder.resolve("acme"));
    retention(500).removeBatch();
    archive().list();
    assertEquals(List.of(), left());
    assertEquals(
        List.of("acme/2026-02-19/manifest.json", "acme/2026-02-19/part-1.ndjson.gz"), files());
  }

  @Test
  void a_part_whose_tasks_were_not_removed_is_deleted() throws IOException {
    String id = ended("acme", Duration.ofDays(40));
    // As when the process is killed between the part and the commit.
    assertThrows(
        IllegalStateException.class,
        () ->
            jdbi.useTransaction(
                handle -> {
                  assertEquals(List.of(id), archive().write(handle, List.of(id)).ids());
                  throw new IllegalStateException("killed");
                }));
    assertEquals(List.of("acme/2026-02-19/part-1.ndjson.gz"), files());
    archive().list();
    assertEquals(1, files().size(), "no manifest has it");
    // It is erased before it would be removed: nothing of it may stay.
    jdbi.useHandle(h -> h.execute("delete from task where id = ?", id));
    String other = ended("other", Duration.ofDays(40));

    retention(500).removeBatch();
    archive().list();
    assertEquals(
        List.of("other/2026-02-19/manifest.json", "other/2026-02-19/part-1.ndjson.gz"), files());
    assertEquals(List.of(other), told);
  }

  @Test
  void parts_of_a_tenant_that_is_deleted_go_with_their_manifests() throws IOException {
    ended("acme", Duration.ofDays(40));
    ended("acme", Duration.ofDays(39));
    ended("other", Duration.ofDays(40));
    retention(500).removeBatch();
    archive().list();
    jdbi.useHandle(
        h -> h.execute("update archive_part set erased_at = now() where tenant_id = 'acme'"));

    assertEquals(false, archive().deleteErased());
    archive().list();

    assertEquals(
        List.of("other/2026-02-19/manifest.json", "other/2026-02-19/part-1.ndjson.gz"), files());
    assertEquals(1, Rows.count(jdbi, "archive_part"));
  }

  @Test
  void who_owes_something_is_neither_archived_nor_removed() throws IOException {
    String id = ended("acme", Duration.ofDays(40));
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into set_aside (kind, key, task_id, reason, attempts, at) values ('callback', '7', ?, 'why', 1, now())",
                id));
    retention(500).removeBatch();
    archive().list();
    assertEquals(List.of(id), left());
    assertEquals(List.of(), files());
    assertEquals(0, Rows.count(jdbi, "archive_part"));
  }

  @Test
  void of_a_large_request_its_size_is_kept() throws IOException {
    String large = "{\"image\":\"" + "x".repeat(ArchiveStore.MAX_REQUEST) + "\"}";
    ended(GivenTask.of("acme").body(large), Duration.ofDays(40));
    String none = ended("acme", Duration.ofDays(40).minusSeconds(1));
    jdbi.useHandle(h -> h.execute("delete from task_request where task_id = ?", none));

    retention(500).removeBatch();

    List<JsonNode> lines = lines("acme/2026-02-19/part-1.ndjson.gz");
    assertTrue(lines.get(0).get("request").isNull());
    assertEquals(large.length(), lines.get(0).get("request_bytes").asInt());
    assertTrue(lines.get(1).get("request_bytes").isNull());
  }
}
