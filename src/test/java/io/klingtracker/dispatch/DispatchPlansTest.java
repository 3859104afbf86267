package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestDatabase;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** With a million tasks behind it and ten thousand before it the dispatcher still reads little. */
class DispatchPlansTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int FINISHED = 1_000_000;
  private static final int QUEUED = 10_000;

  /** What waits for an account that is paused, before all others in the same queues. */
  private static final int PINNED = 10_000;

  /** Rows read by the node that reads most; a handful of thousands would be a scan. */
  private static final Pattern ROWS = Pattern.compile("actual [^)]*rows=(\\d+)");

  private static final Pattern REMOVED = Pattern.compile("Rows Removed by Filter: (\\d+)");

  private static final OffsetDateTime NOW = OffsetDateTime.parse("2026-01-31T12:00:00Z");

  private final Jdbi jdbi = DATABASE.jdbi();

  @Test
  void no_query_of_the_dispatcher_scans() {
    fill();

    plan(
        "queues",
        FairQueue.QUEUES,
        query -> query.bind("tenant", "").bind("family", "").bind("model", "").bind("limit", 1000),
        200);
    plan(
        "waiting",
        FairQueue.WAITING,
        query ->
            query
                .bindArray("tenants", String.class, List.of("t1", "t2"))
                .bindArray("families", String.class, List.of("video", "video"))
                .bindArray("models", String.class, List.of("kling-v3", "kling-v3"))
                .bindArray("accounts", String.class, Arrays.asList(null, "default"))
                .bindArray("limits", Integer.class, List.of(5, 5))
                .bind("now", NOW),
        50);
    plan("used", PoolStore.SNAPSHOT, query -> query, 100);
    plan("late", DispatchStore.LATE, query -> query.bind("now", NOW).bind("limit", 50), 50);
    plan(
        "position",
        "select p.* from (select cast(:id as text) as id) t cross join lateral ("
            + QueueReader.PLACE
            + ") p",
        query -> query.bind("id", id(FINISHED + 50)).bind("most", 100),
        200);
  }

  private interface Binding {
    Query bind(Query query);
  }

  private void plan(String name, String sql, Binding binding, int most) {
    List<String> plan =
        jdbi.withHandle(
            h ->
                binding
                    .bind(h.createQuery("explain (analyze, costs off, timing off) " + sql))
                    .mapTo(String.class)
                    .list());
    String text = String.join("\n", plan);
    assertFalse(text.contains("Seq Scan on dispatch_queue"), () -> name + "\n" + text);
    assertFalse(text.contains("Seq Scan on open_task"), () -> name + "\n" + text);
    assertFalse(text.contains("Seq Scan on task"), () -> name + "\n" + text);
    Matcher rows = ROWS.matcher(text);
    while (rows.find()) {
      assertTrue(Integer.parseInt(rows.group(1)) <= most, () -> name + "\n" + text);
    }
    Matcher removed = REMOVED.matcher(text);
    while (removed.find()) {
      assertTrue(Integer.parseInt(removed.group(1)) <= most, () -> name + "\n" + text);
    }
  }

  private static String id(int number) {
    return "task_" + "0".repeat(26 - Integer.toString(number).length()) + number;
  }

  /** Replication role: the generated rows need no checking of their keys, one by one. */
  private void fill() {
    jdbi.useTransaction(
        h -> {
          // What other readers need of a task only makes a million of them slow to write.
          h.createQuery(
                  """
                  select 'alter table task drop constraint ' || quote_ident(conname) from pg_constraint
                  where conrelid = cast('task' as regclass) and contype in ('c', 'u')
                  union all
                  select 'drop index ' || cast(indexrelid as regclass) from pg_index
                  where indrelid = cast('task' as regclass) and not indisprimary
                    and not exists (select from pg_constraint where conindid = indexrelid)
                  """)
              .mapTo(String.class)
              .list()
              .forEach(h::execute);
          h.execute("set local session_replication_role = replica");
          h.execute("set local synchronous_commit = off");
          h.execute(
              "insert into tenant (id, name, created_at) select 't' || i, 'T', now() from"
                  + " generate_series(1, 20) i");
          h.createUpdate(
                  """
                  insert into task (id, tenant_id, kind, model, upstream_model, account, status, previous_status, sequence,
                    feed_position, created_at, updated_at, finished_at)
                  select 'task_' || lpad(i::text, 26, '0'), 't' || (1 + i % 20), 'text2video', 'kling-v3', 'kling-v3',
                    'default', 'succeed', 'processing', 4, 0, now(), now(), now()
                  from generate_series(1, :finished) i
                  """)
              .bind("finished", FINISHED)
              .execute();
          h.createUpdate(
                  """
                  with stored as (
                    insert into task (id, tenant_id, kind, model, upstream_model, status, sequence, feed_position,
                      created_at, updated_at)
                    select 'task_' || lpad(i::text, 26, '0'), 't' || (1 + i % 20), 'text2video', 'kling-v3', 'kling-v3',
                      'queued', 1, 0, now(), now()
                    from generate_series(:finished + 1, :finished + :queued + :pinned) i
                    returning id, tenant_id, upstream_model)
                  insert into dispatch_queue (task_id, tenant_id, model, family, priority, due_at, deadline_at, pinned_to)
                  select id, tenant_id, upstream_model, 'video', case when place > :queued then 9 else 5 end, :now,
                    :now + interval '1 hour', case when place > :queued then 'paused' end
                  from (select s.*, row_number() over (order by id) as place from stored s) s
                  """)
              .bind("finished", FINISHED)
              .bind("queued", QUEUED)
              .bind("pinned", PINNED)
              .bindBySqlType("now", NOW, Types.TIMESTAMP_WITH_TIMEZONE)
              .execute();
          h.execute(
              """
              insert into open_task (task_id, account, model, family, slots, next_check_at)
              select id, 'default', 'kling-v3', 'video', case when row_number() over () <= 20 then 1 else 0 end, now()
              from task where status = 'succeed' limit 5000
              """);
        });
    jdbi.useHandle(h -> h.execute("analyze task"));
    jdbi.useHandle(h -> h.execute("vacuum analyze dispatch_queue"));
    jdbi.useHandle(h -> h.execute("vacuum analyze open_task"));
  }
}
