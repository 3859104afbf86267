package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestDatabase;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Every filter of a list walks an index, at a million tasks; what it reads is in the plan. */
class TaskListingTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int ROWS = 1_000_000;

  /** A page of 51 may touch this many pages of 8 KiB; a scan of the table would touch thousands. */
  private static final int MAX_PAGES = 1_500;

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");

  private final Jdbi jdbi = DATABASE.jdbi();

  /**
   * One tenant has nearly all; 990 in a thousand succeeded, the rest failed, expired, were canceled
   * or are under way. Keys and indexes come after the rows, checks not at all: that takes seconds
   * instead of a minute.
   */
  private void fill() {
    List<String> later =
        jdbi.withHandle(
            h ->
                h.createQuery(
                        """
                        select format('alter table %s add %s', cast(conrelid as regclass), pg_get_constraintdef(oid))
                        from pg_constraint
                        where conrelid in (cast('task' as regclass), cast('task_event' as regclass)) and contype in ('p', 'u')
                        union all
                        select pg_get_indexdef(indexrelid) from pg_index
                        where indrelid in (cast('task' as regclass), cast('task_event' as regclass))
                          and not exists (select from pg_constraint where conindid = indexrelid)
                        """)
                    .mapTo(String.class)
                    .list());
    run(
        List.of(
            "insert into tenant (id, name, created_at) values ('acme', 'A', now()), ('small', 'S', now())"));
    run(
        jdbi.withHandle(
            h ->
                h.createQuery(
                        """
                        select format('alter table %s drop constraint if exists %I cascade', cast(conrelid as regclass), conname)
                        from pg_constraint
                        where conrelid in (cast('task' as regclass), cast('task_event' as regclass))
                          and contype in ('p', 'u', 'c', 'f')
                        union all
                        select format('drop index %s', cast(indexrelid as regclass)) from pg_index
                        where indrelid in (cast('task' as regclass), cast('task_event' as regclass))
                          and not exists (select from pg_constraint where conindid = indexrelid)
                        """)
                    .mapTo(String.class)
                    .list()));
    // Their plans are the same, and half of the time would go into the log.
    run(List.of("alter table task set unlogged", "alter table task_event set unlogged"));
    run(
        List.of(
            """
            insert into task (id, tenant_id, kind, external_task_id, model, status, sequence, feed_position,
                created_at, updated_at, finished_at, kling_task_id, account)
            select 'task_' || lpad(to_hex(i), 26, '0'), case when i %% 5000 = 0 then 'small' else 'acme' end,
              case when i %% 10000 = 1 then 'image2video' else 'text2video' end,
              case when i %% 100 = 0 then 'external-' || i end,
              case when i %% 20000 = 2 then 'kling-v2-6' else 'kling-v3' end,
              s.status, case when s.status = 'queued' then 1 else 3 end, i, now(), now(),
              case when s.status in ('succeed', 'failed', 'canceled') then now() end, i::text, 'default'
            from generate_series(1, %d) i,
              lateral (select (case when i %% 1000 = 3 then 'failed' when i %% 1000 = 4 then 'canceled'
                when i %% 1000 = 5 then 'expired' when i %% 1000 = 6 then 'queued'
                when i %% 10000 = 7 then 'submitted' when i %% 10000 = 8 then 'processing'
                else 'succeed' end)::task_status as status) s
            """
                .formatted(ROWS)));
    // Each table in a session of its own: most of the time goes into their indexes.
    CompletableFuture<Void> events =
        CompletableFuture.runAsync(
            () -> {
              run(
                  List.of(
                      """
                      insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source,
                          occurred_at, feed_position, payload)
                      select id, sequence, ('00000000-0000-7000-8000-' || right(id, 12))::uuid, tenant_id, status, 'queued',
                        'poll', now(), 1, '{}'
                      from task where status in ('expired', 'succeed', 'failed', 'canceled')
                      """));
              run(later.stream().filter(addition -> addition.contains("task_event")).toList());
              run(List.of("vacuum (analyze) task_event"));
            });
    run(
        List.of(
            "insert into dispatch_queue (task_id, tenant_id, family, due_at) select id, tenant_id, 'video', now() from task where status = 'queued'",
            "insert into open_task (task_id, account, family, slots, next_check_at) select id, 'default', 'video', 1, now() from task where status in ('submitted', 'processing')"));
    run(later.stream().filter(addition -> !addition.contains("task_event")).toList());
    // A pair of many, a pair of a thousand, pairs of a few each, and one that another tenant has
    // too. A copy has no triggers.
    run(
        List.of(
            """
            insert into task_label (tenant_id, term, task_id)
            select tenant_id, task_label_term(p.key, p.value), id
            from (select *, kling_task_id::int as i from task where kling_task_id like '%0') t, lateral (values
              ('env', 'prod', true), ('env', 'old', i < 500000), ('order', (i / 100)::text, true), ('team', 'a', i % 1000 = 10),
              ('both', 'tenants', i % 5000 = 0)) as p(key, value, has)
            where has
            """,
            """
            update task set metadata = '{"env": "prod"}'
            where status in ('queued', 'submitted', 'processing') and kling_task_id like '%00_'
            """));
    run(
        List.of(
            "vacuum (analyze) task_label",
            "vacuum (analyze) task",
            "vacuum (analyze) dispatch_queue",
            "vacuum (analyze) open_task"));
    events.join();
  }

  /** Statements whose rows are not checked against others', in a session of their own. */
  private void run(List<String> statements) {
    jdbi.useHandle(
        h -> {
          h.execute("set synchronous_commit = off");
          h.execute("set maintenance_work_mem = '256MB'");
          h.execute("set session_replication_role = replica");
          statements.forEach(h::execute);
          h.execute("reset synchronous_commit");
          h.execute("reset maintenance_work_mem");
          h.execute("reset session_replication_role");
        });
  }

  private static Stream<TaskFilter> filters() {
    Stream<TaskFilter> statuses =
        Stream.of(TaskStatus.values())
            .map(status -> new TaskFilter(null, status, null, null, null, null));
    return Stream.concat(
        statuses,
        Stream.of(
            new TaskFilter(null, null, null, null, null, null),
            new TaskFilter("text2video", null, null, null, null, null),
            new TaskFilter("image2video", null, null, null, null, null),
            new TaskFilter("nothing", null, null, null, null, null),
            new TaskFilter(null, null, "kling-v2-6", null, null, null),
            new TaskFilter(null, null, "nothing", null, null, null),
            new TaskFilter(null, null, null, "external-100", null, null),
            new TaskFilter(null, TaskStatus.FAILED, null, "external-100", null, null),
            new TaskFilter(null, null, null, null, NOW, null),
            new TaskFilter(null, null, null, null, null, NOW),
            new TaskFilter("text2video", TaskStatus.FAILED, "kling-v3", null, null, null),
            new TaskFilter("text2video", TaskStatus.QUEUED, "kling-v3", null, null, null),
            labelled(null, "env", "prod"),
            labelled(null, "env", "nothing"),
            // Of which the newest half has none.
            labelled(null, "env", "old"),
            labelled(TaskStatus.SUCCEED, "env", "old"),
            labelled(null, "order", "4711"),
            labelled(null, "both", "tenants"),
            // The common one first, and last: the rare one is walked.
            labelled(null, "env", "prod", "order", "4711"),
            labelled(null, "order", "4711", "env", "prod"),
            labelled(null, "env", "prod", "team", "a"),
            labelled(null, "env", "nothing", "order", "4711", "team", "a"),
            labelled(TaskStatus.SUCCEED, "env", "prod"),
            labelled(TaskStatus.SUCCEED, "order", "4711"),
            labelled(TaskStatus.EXPIRED, "order", "4711"),
            labelled(TaskStatus.QUEUED, "env", "prod"),
            labelled(TaskStatus.SUBMITTED, "env", "prod")));
  }

  private static TaskFilter labelled(@Nullable TaskStatus status, String... pairs) {
    List<TaskFilter.Label> labels = new ArrayList<>();
    for (int i = 0; i < pairs.length; i += 2) {
      labels.add(new TaskFilter.Label(pairs[i], pairs[i + 1]));
    }
    return new TaskFilter(null, status, null, null, null, null, labels);
  }

  @Test
  void every_filter_has_an_index_to_walk() {
    fill();
    List<String> bad = new ArrayList<>();
    filters()
        .forEach(
            filter -> {
              for (String before : Stream.of("", "task_" + "0".repeat(20) + "080000").toList()) {
                String plan = plan(filter, before.isEmpty() ? null : before);
                if (plan.contains("Seq Scan on task ")
                    || plan.contains("Seq Scan on task_event")
                    || plan.contains("Seq Scan on task_label")
                    || pages(plan) > MAX_PAGES) {
                  bad.add(filter + " before " + before + "\n" + plan);
                }
              }
            });
    assertEquals(List.of(), bad);
    status_by_any_id_is_one_look_into_indexes();
    deep_pages_cost_what_the_first_costs();
    an_export_reads_its_page_and_nothing_else();
  }

  private void status_by_any_id_is_one_look_into_indexes() {
    for (String id :
        List.of("task_" + "0".repeat(21) + "12345", "external-500000", "777777", "nobody")) {
      List<String> lines =
          jdbi.withHandle(
              h ->
                  h.createQuery("explain (analyze, buffers) " + TaskRepository.BY_ANY)
                      .bind("tenant", "acme")
                      .bind("id", id)
                      .mapTo(String.class)
                      .list());
      String plan = String.join("\n", lines);
      assertFalse(plan.contains("Seq Scan"), plan);
      assertTrue(pages(plan) < 40, plan);
    }
  }

  private void deep_pages_cost_what_the_first_costs() {
    TaskFilter all = new TaskFilter(null, null, null, null, null, null);
    int first = pages(plan(all, null));
    int deep = pages(plan(all, "task_" + "0".repeat(22) + "1000"));
    assertTrue(deep <= first * 2 + 20, first + " pages at first, " + deep + " deep");
  }

  private void an_export_reads_its_page_and_nothing_else() {
    String middle = "task_" + "0".repeat(21) + "80000";
    for (TaskRange range :
        List.of(
            new TaskRange(null, null, null),
            new TaskRange(middle, null, null),
            new TaskRange(middle, Instant.EPOCH, NOW))) {
      for (String tenant : List.of("acme", "small")) {
        List<String> lines =
            jdbi.withHandle(
                h ->
                    h.createQuery("explain (analyze, buffers) " + TaskRepository.OLDEST)
                        .bindMap(TaskRepository.bounds(range))
                        .bind("tenant", tenant)
                        .bind("limit", 51)
                        .bind("maxBytes", 1 << 20)
                        .mapTo(String.class)
                        .list());
        String plan = String.join("\n", lines);
        assertFalse(plan.contains("Seq Scan on task "), plan);
        assertTrue(pages(plan) < 150, plan);
      }
    }
  }

  private String plan(TaskFilter filter, @Nullable String before) {
    Map<String, Object> values = new HashMap<>();
    String statement = TaskListing.statement("acme", filter, before, values);
    List<String> plan =
        jdbi.withHandle(
            h -> {
              Query query =
                  h.createQuery("explain (analyze, buffers) " + statement)
                      .bindMap(values)
                      .bind("limit", 51)
                      .bind("offset", 0);
              return (statement.contains(":most") ? query.bind("most", 51) : query)
                  .mapTo(String.class)
                  .list();
            });
    return String.join("\n", plan);
  }

  /** Shared pages hit and read by the whole statement: the first line of buffers has the sum. */
  private static int pages(String plan) {
    for (String line : plan.split("\n")) {
      if (line.contains("Buffers: shared")) {
        int pages = 0;
        for (String word : line.split("[ ,]+")) {
          if (word.startsWith("hit=") || word.startsWith("read=")) {
            pages += Integer.parseInt(word.substring(word.indexOf('=') + 1));
          }
        }
        return pages;
      }
    }
    return 0;
  }
}
