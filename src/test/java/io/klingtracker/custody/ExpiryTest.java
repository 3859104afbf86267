package io.klingtracker.custody;

import static io.klingtracker.testing.Rows.count;
import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static io.klingtracker.testing.Rows.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.loops.Loops;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who has no copy of a result is told before Kling deletes it, once. */
class ExpiryTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00.5Z");
  private static final String RESULT = "{\"videos\":[{\"url\":\"https://v.klingai.com/a.mp4\"}]}";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final ReplicaId me = new ReplicaId();
  private final List<TaskChanged> changes = new ArrayList<>();
  private final List<String> forgotten = new ArrayList<>();

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
    jdbi.useHandle(
        h -> h.execute("insert into replica (id, number, seen_at) values (?, 1, now())", me.id()));
  }

  private ExpirySweep sweep(ReplicaId replica) {
    return new ExpirySweep(
        new ExpiryStore(jdbi),
        Settings.of(CustodyConfig.class, Map.of()),
        replica,
        new NotifyingEvent<>(changed -> changes.addAll(changed.changes())),
        new NotifyingEvent<>(kept -> forgotten.addAll(kept.taskIds())),
        new SimpleMeterRegistry(),
        clock,
        new Loops());
  }

  /** All that there is to do. */
  private void round() {
    ExpirySweep sweep = sweep(me);
    while (sweep.runOnce()) {
      // Until the round is over.
    }
  }

  private String ended(String tenant, TaskSignal end) {
    String id = GivenTask.of(tenant).metadata("{\"order\":\"1\"}").submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(id, Source.POLL, end));
    jdbi.useHandle(h -> h.execute("delete from outbox"));
    return id;
  }

  private String succeeded(String tenant) {
    return ended(tenant, new TaskSignal.Succeed(RESULT));
  }

  private List<String> told() {
    return texts(jdbi, "select task_id from task_event where type = 'result-expiring' order by id");
  }

  @Test
  void three_days_before_the_end_it_is_told_once() {
    String id = succeeded("acme");
    clock.advance(Duration.ofDays(27).minusMillis(1));
    round();
    assertEquals(List.of(), told());

    clock.advance(Duration.ofMillis(1));
    round();
    round();
    assertEquals(List.of(id), told());
    assertEquals(List.of(new TaskChanged(id, "acme", 4, TaskStatus.SUCCEED, false)), changes);
    assertEquals(List.of(id), forgotten, "what is remembered of it has another sequence");
    JsonNode event =
        Schemas.expiring(
            text(jdbi, "select payload from task_event where type = 'result-expiring'"));
    assertEquals(4, event.get("sequence").asInt());
    assertEquals("succeed", event.get("status").asText());
    assertEquals("submitted", event.get("previous_status").asText());
    assertEquals("2026-04-30T12:00:00.500Z", event.get("result_expires_at").asText());
    assertEquals("https://v.klingai.com/a.mp4", event.at("/result/videos/0/url").asText());
    assertEquals("1", event.at("/metadata/order").asText());
    assertEquals(1, count(jdbi, "task where sequence = 4 and status = 'succeed'"));
    assertEquals(
        1,
        count(jdbi, "outbox o join task_event e using (task_id, sequence) where not o.replayed"));
    assertEquals(
        1,
        count(
            jdbi,
            "task_event e join task t on t.id = e.task_id where e.sequence = 4 and e.feed_position = t.feed_position"));
  }

  @Test
  void what_has_no_content_or_is_copied_or_has_not_succeeded_ends_in_silence() {
    ended("acme", new TaskSignal.Succeed("{\"elements\":[{\"element_id\":1}]}"));
    ended("acme", new TaskSignal.Failed(null, "no"));
    String copied = succeeded("acme");
    String half = succeeded("acme");
    jdbi.useHandle(
        h -> {
          for (String id : List.of(copied, half)) {
            h.execute(
                """
                insert into custody_copy (tenant_id, task_id, index, type, bytes, sha256, kept_at, object)
                values ('acme', ?, 0, 'video/mp4', 1, sha256('a'), now(), 'acme/a')
                """,
                id);
          }
          h.execute(
              "insert into custody_queue (task_id, tenant_id, due_at) values (?, 'acme', now())",
              half);
        });
    clock.advance(Duration.ofDays(28));
    round();
    assertEquals(List.of(half), told());
  }

  @Test
  void of_what_is_gone_at_kling_nothing_is_told_however_late_it_is_found() {
    succeeded("acme");
    clock.advance(Duration.ofDays(31));
    String young = succeeded("acme");
    round();
    assertEquals(List.of(), told());
    clock.advance(Duration.ofDays(27));
    round();
    assertEquals(List.of(young), told());
  }

  @Test
  void a_backlog_of_several_tenants_is_gone_through_and_none_is_told_twice() {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      ids.add(succeeded("acme"));
      if (i % 50 == 0) {
        ids.add(succeeded("other"));
      }
    }
    clock.advance(Duration.ofDays(28));
    round();
    assertEquals(new TreeSet<>(ids), new TreeSet<>(told()));
    assertEquals(ids.size(), told().size());
    assertEquals(
        ids.size(),
        number(jdbi, "select count(distinct event_id) from task_event where type is not null"));
    round();
    assertEquals(ids.size(), told().size());
  }

  @Test
  void one_replica_alone_tells() {
    succeeded("acme");
    clock.advance(Duration.ofDays(28));
    ReplicaId second = new ReplicaId();
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into replica (id, number, seen_at) values (?, 1, now())", second.id()));
    boolean firstIsMe = me.id().compareTo(second.id()) < 0;
    assertFalse(sweep(firstIsMe ? second : me).runOnce());
    assertEquals(List.of(), told());
    sweep(firstIsMe ? me : second).runOnce();
    assertEquals(1, told().size());

    // Whoever took itself for the first meanwhile finds the other at work.
    succeeded("acme");
    clock.advance(Duration.ofDays(28));
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("select pg_advisory_xact_lock(hashtext('kling-task-tracker/result-expiring'))");
      ExpiryStore.Told news =
          new ExpiryStore(jdbi)
              .tell(List.of("acme"), clock.instant().minus(Duration.ofDays(27)), clock.instant());
      assertTrue(news.events().isEmpty());
      other.rollback();
    }
  }
}
