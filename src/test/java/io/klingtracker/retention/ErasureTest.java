package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.NewTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Submission;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TaskSignal;
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
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ObjIntConsumer;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An erased task is gone at once with all that hangs on it, and what is said of it is nothing. */
class ErasureTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");
  private static final TaskSignal SUCCEED =
      new TaskSignal.Succeed("{\"videos\":[{\"url\":\"https://secret.example/1.mp4\"}]}");
  private static final ObjIntConsumer<Handle> NOTHING = (handle, count) -> {};

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final TaskRows rows = new TaskRows(jdbi);
  private final List<String> removed = new ArrayList<>();
  private final List<TaskChanged> changed = new ArrayList<>();
  private final ReplicaId me = new ReplicaId();
  private final RemovalStore store = new RemovalStore(jdbi);
  private final Erasure erasure =
      new Erasure(
          store,
          clock,
          new NotifyingEvent<>(gone -> removed.addAll(gone.taskIds())),
          new NotifyingEvent<>(changes -> changed.addAll(changes.changes())),
          new SimpleMeterRegistry());

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
  }

  private String ended(GivenTask given, TaskSignal end) {
    String id = given.submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(id, Source.POLL, end));
    return id;
  }

  private static GivenTask secretive(String tenant) {
    return GivenTask.of(tenant)
        .body("{\"prompt\":\"a secret cat\"}")
        .metadata("{\"order\":\"secret\"}")
        .externalTaskId("secret-1");
  }

  /** All that one can have, and all that one can owe. */
  private void full(String id) {
    rows.everything(id);
    jdbi.useHandle(h -> h.execute("delete from outbox where task_id = ? and sequence = 3", id));
    TaskRows.owed()
        .filter(owed -> !owed.what().equals("a create"))
        .forEach(
            owed ->
                jdbi.useHandle(
                    h ->
                        h.createUpdate(
                                owed.sql()
                                    .replace("'acme', 'k'", "'acme', 'k" + id + "'")
                                    .replace("sha256('a')", "sha256('b')")
                                    .replace("'7'", "'" + id + "'")
                                    .replace("(outbox_lane(:id), 1,", "(outbox_lane(:id), 1000,"))
                            .bind("id", id)
                            .execute()));
  }

  @Test
  void it_stays_counted_as_it_ended_also_where_nobody_had_come_so_far() {
    String half = ended(GivenTask.of("acme"), SUCCEED);
    String never = ended(GivenTask.of("other"), new TaskSignal.Failed(null, "no"));
    // As the sums are after the second of the three events of one.
    jdbi.useHandle(
        h -> {
          h.execute(
              "insert into task_sum_place select tenant_id, feed_position, id from task_event where task_id = ? and sequence = 2",
              half);
          h.execute(
              """
              insert into task_sum
              select 'acme', h, 'text2video', 'kling-v3', 'submitted', 1 from unnest(array['2026-03-31T12:00:00Z', '-infinity']::timestamptz[]) h
              """);
        });

    erasure.erase(List.of(half, never), NOTHING);

    assertEquals(
        List.of(
            "acme hour succeed 1",
            "acme of all succeed 1",
            "other hour failed 1",
            "other of all failed 1"),
        Rows.texts(
            jdbi,
            """
            select concat_ws(' ', tenant_id, case hour when '-infinity' then 'of all' else 'hour' end, status, tasks)
            from task_sum where tasks <> 0 order by 1
            """));
  }

  @Test
  void what_hangs_on_a_task_goes_at_once_whatever_it_owes_and_nothing_of_others() {
    String mine = ended(secretive("acme"), SUCCEED);
    String others = ended(secretive("other"), SUCCEED);
    full(mine);
    Map<String, Long> before = rows.of(others);

    assertEquals(1, erasure.erase(List.of(mine), NOTHING));

    assertEquals(List.of(others), Rows.texts(jdbi, "select id from task"));
    assertEquals(before, rows.of(others));
    Map<String, Long> left = TaskRows.nonzero(rows.of(mine));
    // The event of the erasure; where the three before stood; what the outbox had, it and a
    // tombstone.
    assertEquals(
        Map.of("task_event", 1L, "erased_event", 3L, "outbox", 5L, "custody_copy", 1L), left);
    assertEquals(
        1,
        Rows.count(jdbi, "custody_copy where erased_at is not null and task_id = '" + mine + "'"),
        "it is shown no more, and custody deletes it");
    assertEquals(0, Rows.count(jdbi, "callback_pending"));
    assertEquals(List.of(mine), removed);
    assertEquals(4, changed.get(0).sequence());
    String all =
        Rows.text(
            jdbi,
            "select concat((select string_agg(e::text, ' ') from task_event e where task_id = '%1$s'), (select string_agg(e::text, ' ') from erased_event e))"
                .formatted(mine));
    assertFalse(all.contains("secret"), all);
    JsonNode event =
        Schemas.erased(
            Rows.text(jdbi, "select payload::text from task_event where task_id = '" + mine + "'"));
    assertEquals(4, event.path("sequence").asInt());
    assertEquals("succeed", event.path("status").asText());
    assertEquals("submitted", event.path("previous_status").asText());
    assertEquals("acme", event.path("tenant").asText());
  }

  @Test
  void its_names_are_free_again() {
    GivenTask given =
        secretive("acme").key(new NewTask.Idempotency("key", new byte[] {1}, UUID.randomUUID()));
    String id = ended(given, SUCCEED);
    assertInstanceOf(Submission.Replayed.class, tasks.submit(given.task()));

    erasure.erase(List.of(id), NOTHING);

    assertNotEquals(id, given.submit(tasks));
  }

  @Test
  void what_has_not_ended_stays_and_what_expired_goes_though_kling_is_asked() {
    String queued = GivenTask.of("acme").submit(tasks);
    String running = GivenTask.of("acme").submit(tasks);
    tasks.apply(News.of(running, Source.POLL, new TaskSignal.Submitted()));
    String expired = GivenTask.of("acme").submit(tasks);
    tasks.apply(News.of(expired, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(expired, Source.DEADLINE, new TaskSignal.Expired("silent")));
    String canceled = GivenTask.of("acme").submit(tasks);
    tasks.withdraw(canceled, Source.CANCEL, new TaskSignal.Canceled("by request"));
    AtomicInteger counted = new AtomicInteger();

    int erased =
        erasure.erase(
            List.of(queued, running, expired, canceled, "task_none"),
            (handle, count) -> counted.set(count));

    assertEquals(2, erased);
    assertEquals(2, counted.get());
    assertEquals(Set.of(queued, running), Set.copyOf(Rows.texts(jdbi, "select id from task")));
    assertEquals(0, erasure.erase(List.of(queued), (handle, count) -> counted.set(99)));
    assertEquals(2, counted.get(), "nothing is noted of nothing");
    // News that comes now is of nobody.
    tasks.apply(News.of(expired, Source.POLL, SUCCEED));
    assertEquals(Set.of(queued, running), Set.copyOf(Rows.texts(jdbi, "select id from task")));
  }

  @Test
  void what_was_used_stays_counted() {
    String id = ended(GivenTask.of("acme").units("3"), SUCCEED);
    Object before = TasksOnDatabase.usage(jdbi, "acme", NOW.minusSeconds(9), NOW.plusSeconds(9));

    erasure.erase(List.of(id), NOTHING);

    assertEquals(
        before, TasksOnDatabase.usage(jdbi, "acme", NOW.minusSeconds(9), NOW.plusSeconds(9)));
  }

  @Test
  void a_batch_that_met_another_in_the_other_order_is_tried_again() {
    String id = ended(secretive("acme"), SUCCEED);
    AtomicInteger tries = new AtomicInteger();

    int erased =
        erasure.erase(
            List.of(id),
            (handle, count) -> {
              if (tries.incrementAndGet() == 1) {
                handle.execute("do $$ begin raise exception using errcode = '40P01'; end $$");
              }
            });

    assertEquals(1, erased);
    assertEquals(2, tries.get());
    assertEquals(1, Rows.count(jdbi, "task_event"));
  }

  private Retention retention() {
    return RetentionTest.of(
        jdbi,
        Settings.of(RetentionConfig.class, Map.of("tracker.retention.rate", "2")),
        clock,
        me,
        new NotifyingEvent<>(gone -> {}),
        new SimpleMeterRegistry());
  }

  @Test
  void what_came_of_it_while_it_was_erased_goes_after_it() {
    String id = ended(secretive("acme"), SUCCEED);
    String kept = ended(GivenTask.of("acme"), SUCCEED);
    erasure.erase(List.of(id), NOTHING);
    rows.everything(kept);
    jdbi.useHandle(
        h -> {
          h.execute(
              """
              insert into webhook_attempt (event_id, tenant_id, task_id, host, at, status, latency_ms)
              select event_id, 'acme', task_id, 'h', now(), 200, 1 from erased_event limit 1
              """);
          TaskRows.receipt(h, id);
          h.execute(
              "insert into callback_pending (receipt_id, due_at) select id, now() from callback_receipt where task_id = ?",
              id);
        });

    jdbi.useHandle(
        h -> h.execute("insert into replica (id, number, seen_at) values (?, 1, now())", me.id()));
    // Also while Kafka is away, so that nothing else is removed.
    clock.advance(Retention.LATE.minusSeconds(1));
    retention().runOnce();
    assertTrue(Rows.count(jdbi, "outbox") > 0);

    assertEquals(0, Rows.count(jdbi, "webhook_attempt where task_id = '" + id + "'"));
    assertEquals(0, Rows.count(jdbi, "callback_receipt where task_id = '" + id + "'"));
    assertEquals(
        0,
        Rows.count(
            jdbi,
            "callback_pending p where not exists (select from callback_receipt r where r.id = p.receipt_id)"),
        "it would wait for ever, and removals with it");
    assertEquals(1, Rows.count(jdbi, "webhook_attempt"));
    assertEquals(1, Rows.count(jdbi, "callback_receipt"));
  }

  @Test
  void an_erasure_is_forgotten_when_kafka_knows_and_readers_had_their_time() {
    String id = ended(secretive("acme"), SUCCEED);
    String later = ended(GivenTask.of("other"), SUCCEED);
    erasure.erase(List.of(id), NOTHING);
    clock.advance(Duration.ofDays(1));
    erasure.erase(List.of(later), NOTHING);
    clock.advance(Retention.KEEP_ERASED.minusHours(12));

    assertFalse(retention().forgetErased());
    assertEquals(2, Rows.count(jdbi, "task_event"), "Kafka does not know");
    jdbi.useHandle(h -> h.execute("delete from outbox"));
    assertTrue(retention().forgetErased(), "two at a time");
    assertFalse(retention().forgetErased());

    assertEquals(List.of(later), Rows.texts(jdbi, "select task_id from task_event"));
    assertEquals(3, Rows.count(jdbi, "erased_event where task_id = '" + later + "'"));
    assertEquals(3, Rows.count(jdbi, "erased_event"));
    assertEquals(
        List.of("acme"),
        Rows.texts(jdbi, "select tenant_id from feed_removed"),
        "readers are told");
  }
}
