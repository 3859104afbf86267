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
import io.klingtracker.tenant.TenantConfig;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A tenant that is deleted goes with everything that is its own, once its last task has ended. */
class TenantDeletionTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");

  /** Every table of tenants' own rows. Whoever adds one says here that deletion minds it. */
  private static final Set<String> TABLES =
      Set.of(
          "api_key",
          "archive_part",
          "custody_copy",
          "custody_queue",
          "dispatch_queue",
          "dispatch_turn",
          "erased_event",
          "expiry_place",
          "feed_removed",
          "idempotency_key",
          "made_at_kling",
          "open_task",
          "passed_use",
          "removed_use",
          "task",
          "task_sum",
          "task_sum_place",
          "task_event",
          "task_label",
          "tracked_id",
          "webhook_attempt",
          "webhook_delivery",
          "webhook_host",
          "webhook_host_event",
          "webhook_lane",
          "webhook_secret",
          "webhook_settled");

  /** What tells of the erased tasks, and of copies and files to be deleted; to go later. */
  private static final Set<String> STAY =
      Set.of("task_event", "erased_event", "custody_copy", "archive_part");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final ReplicaId me = new ReplicaId();
  private final RemovalStore removals = new RemovalStore(jdbi);
  private final TenantDeletionStore store = new TenantDeletionStore(jdbi);
  private final TenantConfig config = Settings.of(TenantConfig.class, Map.of());
  private final TenantDeletion deletion =
      new TenantDeletion(
          store,
          removals,
          new Erasure(
              removals,
              clock,
              new NotifyingEvent<>(gone -> {}),
              new NotifyingEvent<>(changes -> {}),
              new SimpleMeterRegistry()),
          tasks,
          config,
          me,
          clock,
          new Loops());

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
    jdbi.useHandle(
        h -> h.execute("insert into replica (id, number, seen_at) values (?, 1, now())", me.id()));
  }

  private void begin() {
    jdbi.useHandle(
        h -> h.execute("update tenant set deleting_at = ? where id = 'acme'", clock.instant()));
  }

  private void run() {
    while (deletion.runOnce()) {
      // Until there is nothing more to do at once.
    }
  }

  private String submitted(String tenant) {
    String id = GivenTask.of(tenant).metadata("{\"a\":\"b\"}").submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    return id;
  }

  /** A row of a tenant's in each table; some come with its task. */
  private static void everything(Handle h, String tenant, String task) {
    h.execute(
        "insert into api_key (id, tenant_id, scopes, name, prefix, key_hash, access_key, secret_sealed, created_at)"
            + " values (gen_random_uuid(), ?, 'read', 'k', 'sk', sha256(cast(? as bytea)), ?, 'x', now())",
        tenant,
        tenant,
        tenant);
    h.execute(
        "insert into rate_use select id, gen_random_uuid(), 1, now() from api_key where tenant_id = ?",
        tenant);
    h.execute(
        "insert into custody_copy (tenant_id, task_id, index, type, bytes, sha256, kept_at, object)"
            + " values (?, ?, 0, 'video/mp4', 1, sha256('a'), now(), 'o')",
        tenant,
        "gone-" + tenant);
    h.execute(
        "insert into custody_queue (task_id, tenant_id, due_at) values (?, ?, now())",
        task,
        tenant);
    h.execute(
        "insert into archive_part (tenant_id, day, number) values (?, '2026-01-31', 1)", tenant);
    h.execute("insert into expiry_place values (?, 1, 1)", tenant);
    h.execute("insert into dispatch_turn values ('video', 'm', ?, 1)", tenant);
    h.execute("insert into feed_removed values (?, 1, 1, 1)", tenant);
    h.execute(
        "insert into idempotency_key values (?, 'k', 'h', gen_random_uuid(), ?, now())",
        tenant,
        task);
    h.execute("insert into made_at_kling values ('voice', ?, 'default', ?, now())", tenant, tenant);
    h.execute("insert into passed_use values (?, now(), null, 'p', 1, 1)", tenant);
    h.execute(
        "insert into removed_use values (?, now(), 'k', null, 'succeed', null, 1, 0, 1, 0, 0)",
        tenant);
    h.execute("insert into task_sum values (?, now(), 'k', '', 'succeed', 1)", tenant);
    h.execute("insert into task_sum_place values (?, 1, 1)", tenant);
    h.execute("insert into tracked_id values ('default', ?, ?, ?)", tenant, tenant, task);
    h.execute(
        "insert into webhook_attempt (event_id, tenant_id, host, at, status, latency_ms)"
            + " values (gen_random_uuid(), ?, 'h', now(), 200, 1)",
        tenant);
    h.execute(
        "insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)"
            + " values (?, 2, gen_random_uuid(), ?, 'h', 'submitted', now(), now())",
        task,
        tenant);
    h.execute(
        "insert into webhook_host (tenant_id, host, trouble, failing_since, last_failed_at, last_reason)"
            + " values (?, 'h', 1, now(), now(), 'why')",
        tenant);
    h.execute(
        "insert into webhook_host_event (tenant_id, host, state, reason, at) values (?, 'h', 'paused', 'why', now())",
        tenant);
    h.execute("insert into webhook_lane values (?, 'h', now(), false)", tenant);
    h.execute(
        "insert into webhook_secret (tenant_id, sealed, created_at) values (?, 'x', now())",
        tenant);
    h.execute(
        "insert into webhook_settled (task_id, sequence, event_id, tenant_id, host, status, state, attempts, planned_at, settled_at)"
            + " values (?, 1, gen_random_uuid(), ?, 'h', 'succeed', 'delivered', 1, now(), now())",
        "gone-" + tenant,
        tenant);
    h.execute(
        "insert into open_task (task_id, tenant_id, account, family, slots, next_check_at)"
            + " values (?, ?, 'default', 'video', 1, now()) on conflict (task_id) do update set tenant_id = excluded.tenant_id",
        task,
        tenant);
  }

  private Map<String, Long> rowsOf(String tenant) {
    Set<String> tables =
        Set.copyOf(
            Rows.texts(
                jdbi,
                """
                select table_name from information_schema.columns
                where table_schema = 'public' and column_name = 'tenant_id'
                """));
    assertEquals(TABLES, tables, "tables of tenants' own rows");
    Map<String, Long> rows = new TreeMap<>();
    for (String table : tables) {
      long count = Rows.count(jdbi, table + " where tenant_id = '" + tenant + "'");
      if (count > 0) {
        rows.put(table, count);
      }
    }
    return rows;
  }

  @Test
  void everything_that_is_its_own_goes_and_nothing_of_others() {
    for (String tenant : new String[] {"acme", "other"}) {
      String task = submitted(tenant);
      GivenTask.of(tenant).submit(tasks);
      jdbi.useHandle(h -> everything(h, tenant, task));
      tasks.apply(News.of(task, Source.POLL, new TaskSignal.Succeed("{}")));
    }
    Map<String, Long> others = rowsOf("other");
    begin();

    run();
    assertEquals(0, Rows.count(jdbi, "task where tenant_id = 'acme'"));
    assertEquals(1, Rows.count(jdbi, "tenant where id = 'acme'"), "a key may be believed");
    clock.advance(config.keys().cache().plusMillis(1));
    run();

    assertEquals(0, Rows.count(jdbi, "tenant where id = 'acme'"));
    assertEquals(STAY, rowsOf("acme").keySet());
    assertEquals(
        List.of("acme"),
        Rows.texts(jdbi, "select tenant_id from custody_copy where erased_at is not null"));
    assertEquals(
        List.of("acme"),
        Rows.texts(jdbi, "select tenant_id from archive_part where erased_at is not null"));
    assertEquals(others, rowsOf("other"));
    assertEquals(1, Rows.count(jdbi, "rate_use"));
    assertEquals(2, Rows.count(jdbi, "task_event where tenant_id = 'acme'"), "of each erasure one");
  }

  @Test
  void what_runs_at_kling_is_awaited_and_what_waits_is_withdrawn() {
    String running = submitted("acme");
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into open_task (task_id, account, family, slots, next_check_at) values (?, 'default', 'video', 1, now())"
                    + " on conflict do nothing",
                running));
    GivenTask.of("acme").submit(tasks);
    String sent = GivenTask.of("acme").submit(tasks);
    jdbi.useHandle(
        h -> h.execute("update dispatch_queue set sent_at = now() where task_id = ?", sent));
    assertEquals(new TenantDeletionStore.Left(3, 1, 3), store.left("acme"));
    begin();
    clock.advance(Duration.ofDays(1));

    run();
    assertEquals(Set.of(running, sent), Set.copyOf(Rows.texts(jdbi, "select id from task")));
    assertEquals(new TenantDeletionStore.Left(2, 0, 2), store.left("acme"));

    for (String id : new String[] {running, sent}) {
      tasks.apply(News.of(id, Source.POLL, new TaskSignal.Succeed("{}")));
    }
    run();
    assertEquals(0, Rows.count(jdbi, "tenant where id = 'acme'"));
    assertFalse(deletion.runOnce());
  }

  @Test
  void another_replica_leaves_it_to_the_first_and_a_tenant_that_is_not_deleted_stays() {
    String id = submitted("acme");
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Failed(null, "no")));
    run();
    assertEquals(1, Rows.count(jdbi, "task"));
    begin();
    // Sorts before every other.
    jdbi.useHandle(
        h -> h.execute("insert into replica (id, number, seen_at) values ('!first', 2, now())"));
    run();
    assertEquals(1, Rows.count(jdbi, "task"));
    jdbi.useHandle(h -> h.execute("delete from replica where id = '!first'"));
    assertTrue(deletion.runOnce());
    assertEquals(0, Rows.count(jdbi, "task"));
  }
}
