package io.klingtracker.counts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.counts.SumStore.Reach;
import io.klingtracker.database.Columns;
import io.klingtracker.testing.TestDatabase;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Counting reads what is to be counted, and an answer the sums that it adds, however many tasks
 * there are.
 */
class CountPlansTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 60_000;
  private static final int TENANTS = 10;
  private static final String EXPLAIN = "explain (analyze, costs off, timing off) ";
  private static final Pattern ROWS = Pattern.compile("actual rows=(\\d+)");

  private final Jdbi jdbi = DATABASE.jdbi();

  @BeforeEach
  void fill() {
    jdbi.useTransaction(
        h -> {
          h.execute("set local session_replication_role = replica");
          h.execute(
              "insert into tenant (id, name, created_at) select 't' || i, 't', now() from generate_series(0, ?) i",
              TENANTS - 1);
          h.execute(
              """
              insert into task (id, tenant_id, kind, model, status, sequence, feed_position, created_at, updated_at)
              select 'task_' || lpad(i::text, 26, '0'), 't' || i % 10, 'text2video', 'kling-v3', 'queued', 1, i - 60000,
                timestamptz '2026-01-01' + i * interval '1 minute', now()
              from generate_series(1, ?) i
              """,
              TASKS);
          h.execute(
              """
              insert into task_event (task_id, sequence, event_id, tenant_id, status, source, occurred_at, feed_position, payload)
              select id, 1, gen_random_uuid(), tenant_id, 'queued', 'submit', now(), feed_position, '{}' from task
              """);
          h.execute(
              """
              insert into task_sum select 't' || t, timestamptz '2026-01-01' + i * interval '1 hour', 'text2video', m, 'succeed', 1
              from generate_series(0, 9) t, generate_series(1, 1000) i, (values ('a'), ('b'), ('c'), ('d')) as models(m)
              """);
          h.execute(
              "insert into task_sum select tenant_id, '-infinity', kind, model, status, sum(tasks) from task_sum group by 1, 3, 4, 5");
          // Two thousand of each are to be counted.
          h.execute("insert into task_sum_place select id, -20000, 0 from tenant");
        });
    jdbi.useHandle(h -> h.execute("vacuum (analyze) task, task_event, task_sum"));
  }

  @Test
  void a_sweep_reads_the_events_that_it_counts() {
    String reach = ordered(h -> h.createQuery(EXPLAIN + SumStore.REACH).bind("after", ""));
    bounded(reach, SumStore.EVENTS);

    List<Reach> reached = new SumStore(jdbi).reach("");
    assertEquals(TENANTS, reached.size());
    String add =
        ordered(
            h ->
                Columns.of(h.createQuery(EXPLAIN + SumStore.ADD), reached)
                    .texts("tenants", Reach::tenant)
                    .longs("positions", Reach::position)
                    .longs("ids", Reach::id)
                    .rest());
    // Two statuses of each in two sums.
    bounded(add, 4 * TENANTS * SumStore.EVENTS);
  }

  @Test
  void an_answer_reads_the_sums_that_it_adds() {
    assertTrue(rows(counts(SumStore.OF_ALL, Map.of())) <= 4);
    assertTrue(rows(counts(SumStore.SINCE, Map.of("since", "2026-02-11T00:00:00Z"))) <= 4 * 17);
  }

  private String counts(String when, Map<String, String> values) {
    String plan =
        jdbi.withHandle(
            h ->
                plan(
                    h.createQuery(EXPLAIN + SumStore.COUNTS.formatted(when))
                        .bindMap(values)
                        .bind("tenant", "t1")
                        .bind("status", (String) null)
                        .bind("kind", (String) null)
                        .bind("model", (String) null)
                        .bind("limit", 100)));
    bounded(plan, 4 * 17);
    return plan;
  }

  private String ordered(Function<Handle, Query> query) {
    String plan =
        jdbi.inTransaction(
            h -> {
              h.execute(SumStore.ORDERED);
              return plan(query.apply(h));
            });
    assertFalse(plan.contains("Bitmap"), plan);
    return plan;
  }

  private static String plan(Query query) {
    return String.join("\n", query.mapTo(String.class).list());
  }

  private static void bounded(String plan, int most) {
    for (String table : List.of("task ", "task x", "task_event", "task_sum ")) {
      assertFalse(plan.contains("Seq Scan on " + table), plan);
    }
    assertTrue(rows(plan) <= most, plan);
  }

  private static int rows(String plan) {
    Matcher rows = ROWS.matcher(plan);
    int most = -1;
    while (rows.find()) {
      most = Math.max(most, Integer.parseInt(rows.group(1)));
    }
    assertTrue(most >= 0, plan);
    return most;
  }
}
