package io.klingtracker.counts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.counts.SumStore.Filter;
import io.klingtracker.counts.SumStore.Reach;
import io.klingtracker.loops.Loops;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Sums of tasks are what a count of them would give, whatever came in between. */
class CountSweepTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:30:00Z");
  private static final TaskSignal SUCCEED = new TaskSignal.Succeed("{}");
  private static final TaskSignal FAILED = new TaskSignal.Failed(null, "no");

  /** What is to come out: the tasks themselves. */
  private static final String COUNTED =
      """
      select concat_ws(' ', status, kind, model, count(*)) from task where tenant_id = '%s' and created_at >= '%s'
      group by status, kind, model order by status::text, kind, model
      """;

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final SumStore store = new SumStore(jdbi);
  private final ReplicaId me = new ReplicaId();

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
    beat(me.id());
  }

  private void beat(String replica) {
    jdbi.useHandle(
        h -> h.execute("insert into replica (id, number, seen_at) values (?, 1, now())", replica));
  }

  private CountSweep sweep() {
    return new CountSweep(store, me, clock, new Loops());
  }

  private String submitted(String tenant) {
    String id = GivenTask.of(tenant).submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    return id;
  }

  private List<String> counts(String tenant, Filter filter) {
    return store.counts(tenant, filter, 99).stream()
        .map(
            c ->
                c.status()
                    + " "
                    + c.kind()
                    + (c.model() == null ? "" : " " + c.model())
                    + " "
                    + c.count())
        .toList();
  }

  private List<String> counts(String tenant) {
    return counts(tenant, new Filter(null, null, null, null));
  }

  private void assertCounted() {
    for (String tenant : List.of("acme", "other")) {
      assertEquals(
          Rows.texts(jdbi, COUNTED.formatted(tenant, "-infinity")),
          counts(tenant),
          "all of " + tenant);
      Instant hour = NOW.minus(Duration.ofMinutes(90));
      assertEquals(
          Rows.texts(jdbi, COUNTED.formatted(tenant, "2026-03-31T11:00:00Z")),
          counts(tenant, new Filter(null, null, null, hour)),
          "since 11:00 of " + tenant);
    }
  }

  @Test
  void a_task_counts_once_with_the_status_that_it_has() {
    GivenTask.of("acme").kind("image2video").submit(tasks);
    String id = submitted("acme");
    assertFalse(sweep().runOnce());
    assertCounted();
    assertEquals(
        List.of("queued image2video kling-v3 1", "submitted text2video kling-v3 1"),
        counts("acme"));

    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Expired("silent")));
    sweep().runOnce();
    assertCounted();
    tasks.apply(News.of(id, Source.POLL, SUCCEED));
    sweep().runOnce();
    assertCounted();
    assertEquals(0, Rows.count(jdbi, "task_sum where tasks = 0"), "rows of nothing");
    sweep().runOnce();
    assertCounted();
  }

  @Test
  void counts_are_asked_for_by_status_kind_model_and_the_hour_of_creation() {
    clock.advance(Duration.ofHours(-3));
    submitted("acme");
    clock.advance(Duration.ofHours(3));
    submitted("acme");
    GivenTask.of("acme").kind("image2video").model("kling-v2-6").submit(tasks);
    sweep().runOnce();
    assertCounted();
    assertEquals(
        List.of("submitted text2video kling-v3 2"),
        counts("acme", new Filter(TaskStatus.SUBMITTED, null, null, null)));
    assertEquals(
        List.of("queued image2video kling-v2-6 1"),
        counts("acme", new Filter(null, "image2video", null, null)));
    assertEquals(
        List.of("submitted text2video kling-v3 1"),
        counts("acme", new Filter(null, null, "kling-v3", NOW.minus(Duration.ofHours(2)))));
    // The whole hour of that time.
    assertEquals(2, counts("acme", new Filter(null, null, null, NOW.plusSeconds(60))).size());
    assertEquals(
        List.of(), counts("acme", new Filter(null, null, null, NOW.plus(Duration.ofHours(1)))));
    assertTrue(store.hasKind("acme", "image2video"));
    assertFalse(store.hasKind("other", "image2video"));
  }

  @Test
  void a_backlog_is_counted_in_bounded_parts_whoever_it_is_of() {
    List<String> many = new ArrayList<>();
    for (int i = 0; i < SumStore.TENANTS + 5; i++) {
      many.add("many-" + i);
    }
    Rows.tenants(jdbi, many.toArray(String[]::new));
    many.forEach(this::submitted);
    for (int i = 0; i <= SumStore.EVENTS; i++) {
      GivenTask.of("acme").submit(tasks);
    }
    CountSweep sweep = sweep();
    assertTrue(sweep.runOnce(), "acme has one more, and there are other tenants");
    assertEquals(List.of("queued text2video kling-v3 " + SumStore.EVENTS), counts("acme"));
    while (sweep.runOnce()) {
      // Until a round leaves nothing.
    }
    assertCounted();
    many.forEach(
        tenant -> assertEquals(List.of("submitted text2video kling-v3 1"), counts(tenant)));
  }

  @Test
  void what_was_read_before_somebody_else_counted_it_counts_once() {
    submitted("acme");
    List<Reach> before = store.reach("");
    String later = submitted("acme");
    store.add(store.reach(""));
    store.add(before);
    store.add(before);
    assertCounted();
    tasks.apply(News.of(later, Source.POLL, FAILED));
    store.add(store.reach(""));
    assertCounted();
  }

  @Test
  void what_is_committed_late_is_not_passed_over() {
    try (Handle early = jdbi.open()) {
      early.begin();
      // Its number is below those of all that follow.
      early.execute("select pg_current_xact_id()");
      submitted("acme");
      sweep().runOnce();
      assertEquals(List.of(), counts("acme"), "an older transaction may still bring something");
      early.commit();
    }
    sweep().runOnce();
    assertCounted();
  }

  @Test
  void an_epoch_of_the_feed_and_another_replica_continue_where_it_was() {
    String id = submitted("acme");
    sweep().runOnce();
    jdbi.useHandle(h -> h.execute("select feed_begin_epoch('a test')"));
    tasks.apply(News.of(id, Source.POLL, SUCCEED));
    submitted("other");
    jdbi.useHandle(h -> h.execute("delete from replica"));
    beat("@0another");
    sweep().runOnce();
    assertEquals(
        List.of("submitted text2video kling-v3 1"), counts("acme"), "it is another's turn");
    jdbi.useHandle(h -> h.execute("delete from replica"));
    beat(me.id());
    sweep().runOnce();
    assertCounted();
  }

  @Test
  void tasks_that_retention_removed_stay_counted() {
    String id = submitted("acme");
    tasks.apply(News.of(id, Source.POLL, SUCCEED));
    sweep().runOnce();
    List<String> before = counts("acme");
    jdbi.useTransaction(
        h -> {
          h.execute("delete from task_event where task_id = ?", id);
          h.execute("delete from task where id = ?", id);
        });
    sweep().runOnce();
    assertEquals(before, counts("acme"));
    submitted("acme");
    sweep().runOnce();
    assertEquals(
        List.of("submitted text2video kling-v3 1", "succeed text2video kling-v3 1"),
        counts("acme"));
  }

  @Test
  void an_event_that_is_no_change_of_status_changes_nothing() {
    String id = submitted("acme");
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    insert into task_event (task_id, sequence, event_id, tenant_id, type, previous_status, source, occurred_at,
                      feed_position, payload)
                    select task_id, 3, gen_random_uuid(), tenant_id, 'result-expiring', 'queued', 'custody', now(), feed_position, '{}'
                    from task_event where task_id = :id and sequence = 2
                    """)
                .bind("id", id)
                .execute());
    sweep().runOnce();
    assertEquals(List.of("submitted text2video kling-v3 1"), counts("acme"));
    assertCounted();
  }

  @Test
  void any_history_comes_to_what_a_count_of_the_tasks_is() {
    Random random = new Random(4711);
    clock.advance(Duration.ofHours(-6));
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      if (ids.isEmpty() || random.nextInt(3) == 0) {
        clock.advance(Duration.ofMinutes(random.nextInt(20)));
        ids.add(
            GivenTask.of(random.nextBoolean() ? "acme" : "other")
                .kind(random.nextBoolean() ? "text2video" : "image2video")
                .model(random.nextBoolean() ? "kling-v3" : "kling-v2-6")
                .submit(tasks));
      } else {
        tasks.apply(News.of(ids.get(random.nextInt(ids.size())), Source.POLL, signal(random)));
      }
      if (random.nextInt(7) == 0) {
        sweep().runOnce();
      }
    }
    sweep().runOnce();
    assertCounted();
  }

  private static TaskSignal signal(Random random) {
    return List.of(
            new TaskSignal.Submitted(),
            new TaskSignal.Processing(),
            new TaskSignal.Expired("silent"),
            SUCCEED,
            FAILED)
        .get(random.nextInt(5));
  }
}
