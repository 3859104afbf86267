package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.task.TasksRemoved;
import io.klingtracker.tenant.AuditLog;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is old enough goes with all that hangs on it, and nothing else does. */
class RetentionTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");
  private static final Duration KEPT = Duration.ofDays(30);

  private static final TaskSignal SUCCEED = new TaskSignal.Succeed("{}");
  private static final TaskSignal FAILED = new TaskSignal.Failed(null, "no");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final ReplicaId me = new ReplicaId();
  private final TaskRows rows = new TaskRows(jdbi);
  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final List<String> told = new ArrayList<>();

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
    beat(me.id());
    counted(Long.MAX_VALUE);
  }

  /** How far all tenants' tasks are counted, in the feed. */
  private void counted(long position) {
    jdbi.useHandle(
        h -> {
          h.execute("delete from task_sum_place");
          h.execute("insert into task_sum_place select id, ?, 0 from tenant", position);
        });
  }

  private void beat(String replica) {
    jdbi.useHandle(
        h -> h.execute("insert into replica (id, number, seen_at) values (?, 1, now())", replica));
  }

  private Retention retention(Map<String, String> settings) {
    Map<String, String> all = new HashMap<>();
    settings.forEach((key, value) -> all.put("tracker.retention." + key, value));
    return of(
        jdbi,
        Settings.of(RetentionConfig.class, all),
        clock,
        me,
        new NotifyingEvent<>(removed -> told.addAll(removed.taskIds())),
        registry);
  }

  /** One with all its parts. */
  static Retention of(
      Jdbi jdbi,
      RetentionConfig config,
      Clock clock,
      ReplicaId me,
      NotifyingEvent<TasksRemoved> removals,
      MeterRegistry registry) {
    return of(jdbi, NoArchive.on(jdbi, clock), config, clock, me, removals, registry);
  }

  /** The same with an archive. */
  static Retention of(
      Jdbi jdbi,
      Archive archive,
      RetentionConfig config,
      Clock clock,
      ReplicaId me,
      NotifyingEvent<TasksRemoved> removals,
      MeterRegistry registry) {
    return new Retention(
        new RemovalStore(jdbi),
        archive,
        new AgedRows(jdbi, config, clock, registry),
        new AuditMonths(jdbi, new AuditLog(jdbi, clock), config, clock, registry),
        config,
        clock,
        me,
        removals,
        registry,
        new Loops());
  }

  private Retention retention() {
    return retention(Map.of("tasks", "30D"));
  }

  /** Created and ended so long ago, with nothing owed. */
  private String ended(String tenant, Duration ago, TaskSignal end) {
    return ended(GivenTask.of(tenant), ago, end);
  }

  private String ended(GivenTask given, Duration ago, TaskSignal end) {
    Instant at = NOW.minus(ago);
    clock.advance(Duration.between(clock.instant(), at));
    String id = given.submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(id, Source.POLL, end));
    clock.advance(Duration.between(at, NOW));
    published();
    return id;
  }

  private void published() {
    jdbi.useHandle(h -> h.execute("delete from outbox"));
  }

  private List<String> left() {
    return Rows.texts(jdbi, "select id from task order by id");
  }

  @Test
  void what_hangs_on_a_task_goes_with_it_and_nothing_of_others() {
    String mine =
        ended(
            GivenTask.of("acme").metadata("{\"order\":\"1\"}").externalTaskId("order-1"),
            KEPT.plusDays(1),
            SUCCEED);
    String others =
        ended(
            GivenTask.of("other").metadata("{\"order\":\"1\"}").externalTaskId("order-1"),
            KEPT.plusDays(1),
            SUCCEED);
    jdbi.useHandle(
        h -> h.execute("update tenant set retention_seconds = 315360000 where id = 'other'"));
    List.of(mine, others).forEach(rows::everything);
    Map<String, Long> before = rows.of(others);
    assertEquals(Set.of(), TaskRows.without(before, 0), "the other one has a row of each kind");

    assertFalse(retention().removeBatch());

    assertEquals(List.of(others), left());
    assertEquals(List.of(mine), told);
    assertEquals(before, rows.of(others));
    Map<String, Long> left = rows.of(mine);
    assertEquals(
        Map.of("outbox", 1L, "custody_copy", 1L),
        TaskRows.nonzero(left),
        "but the tombstone, and the copy of its result");
    assertEquals(
        1,
        Rows.count(
            jdbi, "outbox where sequence = 0 and not replayed and task_id = '" + mine + "'"));
    assertEquals(
        1.0, registry.get("tracker.retention.removed").tag("kind", "task").counter().count());
    // Its name is free again.
    GivenTask.of("acme").externalTaskId("order-1").submit(tasks);
  }

  @ParameterizedTest
  @MethodSource("io.klingtracker.retention.TaskRows#owed")
  void who_owes_something_stays_until_it_is_settled(TaskRows.Owed owed) {
    String id = ended("acme", KEPT.plusDays(1), SUCCEED);
    String free = ended("acme", KEPT.plusDays(1), SUCCEED);
    jdbi.useHandle(h -> h.createUpdate(owed.sql()).bind("id", id).execute());

    Retention retention = retention();
    retention.removeBatch();
    assertEquals(List.of(id), left());
    assertEquals(List.of(free), told);

    jdbi.useHandle(
        h ->
            List.of(
                    "open_task",
                    "dispatch_queue",
                    "outbox",
                    "webhook_delivery",
                    "callback_pending",
                    "idempotency_key",
                    "custody_queue",
                    "set_aside")
                .forEach(table -> h.execute("delete from " + table)));
    retention.removeBatch();
    assertEquals(List.of(), left());
  }

  @Test
  void what_is_not_counted_yet_stays() {
    String id = ended("acme", KEPT.plusDays(1), SUCCEED);
    jdbi.useHandle(h -> h.execute("delete from task_sum_place"));
    retention().removeBatch();
    assertEquals(List.of(id), left());

    long end = Rows.number(jdbi, "select max(feed_position) from task_event");
    counted(end);
    retention().removeBatch();
    assertEquals(List.of(id), left(), "its last event");

    jdbi.useHandle(
        h -> h.execute("update task_sum_place set id = (select max(id) from task_event)"));
    retention().removeBatch();
    assertEquals(List.of(), left());
  }

  @Test
  void the_oldest_go_first_a_batch_at_a_time_whoever_they_are() {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      ids.add(ended(i % 2 == 0 ? "acme" : "other", KEPT.plusDays(9 - i), i < 3 ? SUCCEED : FAILED));
    }
    // The first one owes something: it takes a place of the batch, and stands in nobody's way.
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into open_task (task_id, account, family, slots, next_check_at) values (?, 'a', 'video', 0, now())",
                ids.get(0)));
    Retention retention = retention(Map.of("tasks", "30D", "rate", "2"));

    assertTrue(retention.removeBatch());
    assertEquals(ids.subList(1, 2), told);
    assertEquals(
        KEPT.plusDays(9).toSeconds(),
        registry.get("tracker.retention.oldest.seconds").gauge().value());
    assertTrue(retention.removeBatch());
    assertEquals(ids.subList(1, 4), told);
    assertFalse(retention.removeBatch());
    assertEquals(ids.subList(1, 5), told);
    assertEquals(ids.subList(0, 1), left());
    assertEquals(0, registry.get("tracker.retention.oldest.seconds").gauge().value());
  }

  @Test
  void a_status_has_its_age_and_a_tenants_own_wins() {
    String failed = ended("acme", Duration.ofDays(8), FAILED);
    String succeeded = ended("acme", Duration.ofDays(8), SUCCEED);
    String kept = ended("other", Duration.ofDays(98), FAILED);
    jdbi.useHandle(
        h -> h.execute("update tenant set retention_seconds = 100 * 86400 where id = 'other'"));

    retention(Map.of("tasks.failed", "7D")).removeBatch();
    assertEquals(List.of(failed), told);

    retention(Map.of("tasks", "9D")).removeBatch();
    assertEquals(List.of(failed), told);

    clock.advance(Duration.ofDays(1).plusSeconds(1));
    retention(Map.of("tasks", "9D")).removeBatch();
    assertEquals(List.of(failed, succeeded), told);

    clock.advance(Duration.ofSeconds(1));
    retention(Map.of()).removeBatch();
    assertEquals(List.of(kept), left(), "by default nothing is removed");
    jdbi.useHandle(
        h -> h.execute("update tenant set retention_seconds = 99 * 86400 where id = 'other'"));
    retention(Map.of()).removeBatch();
    assertEquals(List.of(), left());
  }

  @Test
  void the_age_is_that_of_the_end_and_for_expired_from_when_it_expired() {
    clock.advance(KEPT.plusDays(5).negated());
    String running = GivenTask.of("acme").submit(tasks);
    String expired = GivenTask.of("acme").submit(tasks);
    String revived = GivenTask.of("acme").submit(tasks);
    List.of(running, expired, revived)
        .forEach(id -> tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted())));
    clock.advance(Duration.ofDays(1));
    List.of(expired, revived)
        .forEach(id -> tasks.apply(News.of(id, Source.DEADLINE, new TaskSignal.Expired("silent"))));
    clock.advance(Duration.ofDays(6));
    tasks.apply(News.of(revived, Source.POLL, SUCCEED));
    clock.advance(KEPT.minusDays(6).plusHours(1));
    published();

    retention().removeBatch();

    assertEquals(List.of(expired), told, "its age counts from when it expired");
    clock.advance(Duration.ofDays(6));
    retention().removeBatch();
    assertEquals(List.of(expired, revived), told, "whose end came later");
    assertEquals(List.of(running), left());
  }

  @Test
  void what_was_used_stays_counted() {
    String cheap = ended(GivenTask.of("acme").units("3"), KEPT.plusDays(2), SUCCEED);
    String dear =
        ended(GivenTask.of("acme").units("4").model("kling-v2-6"), KEPT.plusDays(1), FAILED);
    jdbi.useHandle(
        h -> {
          h.execute(
              "update task set amount = 1.5, currency = 'USD', units = null where id = ?", cheap);
          h.execute("update task set units = 2 where id = ?", dear);
        });
    Object before = TasksOnDatabase.usage(jdbi, "acme", NOW.minus(Duration.ofDays(60)), NOW);

    retention().removeBatch();

    assertEquals(List.of(), left());
    assertEquals(before, TasksOnDatabase.usage(jdbi, "acme", NOW.minus(Duration.ofDays(60)), NOW));
  }

  @Test
  void a_removal_that_reaches_further_into_the_feed_takes_the_place_of_those_before() {
    ended("acme", KEPT.plusDays(3), SUCCEED);
    ended("other", KEPT.plusDays(2), SUCCEED);
    ended("acme", KEPT.plusDays(1), SUCCEED);
    Retention retention = retention(Map.of("tasks", "30D", "rate", "1"));
    long newest =
        Rows.number(jdbi, "select max(feed_position) from task_event where tenant_id = 'acme'");
    while (retention.removeBatch()) {
      assertTrue(Rows.count(jdbi, "feed_removed where tenant_id = 'acme'") <= 1);
    }
    assertEquals(
        newest, Rows.number(jdbi, "select position from feed_removed where tenant_id = 'acme'"));
    assertEquals(2, Rows.count(jdbi, "feed_removed"));
  }

  @Test
  void one_replica_removes_and_none_while_events_wait() {
    ended("acme", KEPT.plusDays(1), SUCCEED);
    // Sorts before every other.
    beat("!first");
    Retention retention = retention();
    retention.runOnce();
    assertEquals(List.of(), told);
    jdbi.useHandle(h -> h.execute("delete from replica where id = '!first'"));

    String waiting = GivenTask.of("acme").submit(tasks);
    clock.advance(Retention.BEHIND.plusSeconds(1));
    retention.runOnce();
    assertEquals(List.of(), told);
    assertEquals(1.0, registry.get("tracker.retention.paused").gauge().value());
    assertEquals(1, Rows.count(jdbi, "outbox where task_id = '" + waiting + "'"));

    published();
    retention.runOnce();
    assertEquals(1, told.size());
  }

  @Test
  void requests_go_sooner_than_their_tasks_and_those_under_way_keep_theirs() {
    String old = ended("acme", Duration.ofDays(8), SUCCEED);
    String older = ended("other", Duration.ofDays(9), FAILED);
    String fresh = ended("acme", Duration.ofDays(6), SUCCEED);
    clock.advance(Duration.ofDays(10).negated());
    String queued = GivenTask.of("acme").submit(tasks);
    clock.advance(Duration.ofDays(10));
    Retention retention = retention(Map.of("requests", "7D", "rate", "2"));

    assertTrue(retention.removeRequests());
    assertEquals(
        List.of(queued, old, fresh),
        Rows.texts(jdbi, "select task_id from task_request order by 1"));
    assertFalse(retention.removeRequests());
    assertEquals(
        List.of(queued, fresh), Rows.texts(jdbi, "select task_id from task_request order by 1"));
    assertFalse(retention.removeBatch(), "tasks have no age");
    assertEquals(List.of(queued, older, old, fresh), left());
    assertEquals(
        2.0, registry.get("tracker.retention.removed").tag("kind", "request").counter().count());
  }

  @Test
  void what_somebody_holds_is_left_for_the_next_round() {
    String held = ended("acme", KEPT.plusDays(1), SUCCEED);
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("select from task where id = ? for no key update", held);
      retention().removeBatch();
      assertEquals(List.of(), told);
      other.rollback();
    }
    retention().removeBatch();
    assertEquals(List.of(held), told);
  }
}
