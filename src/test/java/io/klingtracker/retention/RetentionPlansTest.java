package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.TaskId;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Looking for what is old enough reads that and little else, however much there is. */
class RetentionPlansTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 60_000;
  private static final int BATCH = 100;

  /** All of them end in this time, one a minute. */
  private static final Instant FIRST = Instant.parse("2026-01-01T00:00:00Z");

  private static final Pattern ROWS = Pattern.compile("actual rows=(\\d+)");
  private static final Pattern REMOVED = Pattern.compile("Rows Removed by Filter: (\\d+)");

  private final Jdbi jdbi = DATABASE.jdbi();

  /** The ids' first ten characters are the time; here they are made of it by SQL. */
  @BeforeEach
  void fill() {
    jdbi.useTransaction(
        h -> {
          h.execute("set local session_replication_role = replica");
          h.execute(
              "insert into tenant (id, name, created_at) select 't' || i, 't', now() from generate_series(0, 9) i");
          var batch =
              h.prepareBatch(
                  """
                  insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source,
                    occurred_at, feed_position, payload)
                  select cast(:prefix as text) || lpad(to_hex(i), 16, '0'), 3, gen_random_uuid(), 't' || i % 10,
                    case i % 7 when 0 then 'failed' when 1 then 'expired' else 'succeed' end::task_status, 'submitted', 'poll',
                    cast(:at as timestamptz), 1, '{}'
                  from generate_series(1, 600) i
                  """);
          for (int i = 0; i < TASKS / 600; i++) {
            Instant at = FIRST.plus(Duration.ofMinutes(i));
            batch.bind("prefix", TaskId.firstAt(at)).bind("at", at).add();
          }
          batch.execute();
        });
    jdbi.useHandle(h -> h.execute("vacuum (analyze) task_event"));
  }

  @Test
  void a_batch_reads_what_it_takes() {
    bounded(FIRST.plus(Duration.ofDays(1)), "");
    bounded(FIRST.plus(Duration.ofDays(1)), TaskId.firstAt(FIRST.plus(Duration.ofMinutes(50))));
  }

  @Test
  void nothing_that_is_old_enough_is_found_by_looking_at_nothing() {
    assertEquals(0, bounded(FIRST.minusSeconds(1), ""));
  }

  @Test
  void a_batch_of_requests_reads_what_it_looks_at() {
    Instant before = FIRST.plus(Duration.ofDays(1));
    jdbi.useTransaction(
        h -> {
          h.execute("set local session_replication_role = replica");
          h.execute(
              "insert into task_request (task_id, body) select task_id, '{}' from task_event");
        });
    jdbi.useHandle(h -> h.execute("vacuum (analyze) task_request"));
    List<String> plan =
        jdbi.withHandle(
            h ->
                h.createQuery("explain (analyze, costs off, timing off) " + RemovalStore.REQUESTS)
                    .bind("before", before)
                    .bind("bound", TaskId.firstAt(before))
                    .bind("after", "")
                    .bind("limit", BATCH)
                    .mapTo(String.class)
                    .list());
    String text = String.join("\n", plan);
    assertFalse(text.contains("Seq Scan on task_request"), text);
    Matcher rows = ROWS.matcher(text);
    while (rows.find()) {
      assertTrue(Integer.parseInt(rows.group(1)) <= BATCH, text);
    }
  }

  @Test
  void a_batch_of_news_and_of_sums_reads_what_it_looks_at() {
    jdbi.useTransaction(
        h -> {
          h.execute("set local session_replication_role = replica");
          h.execute(
              """
              insert into task_news (task_id, at, source, reason, detail)
              select task_id, occurred_at, 'poll', 'older', '' from task_event
              """);
          h.execute(
              """
              insert into task_sum select 't' || i % 10, timestamptz '2026-01-01' + i / 10 * interval '1 hour', 'text2video', '', 'failed', 1
              from generate_series(0, 29999) i
              """);
        });
    jdbi.useHandle(h -> h.execute("vacuum (analyze) task_news, task_sum"));
    Instant before = FIRST.plus(Duration.ofDays(30));
    for (String statement : List.of(AgedRows.NEWS, AgedRows.USE.formatted("task_sum"))) {
      boolean news = statement.equals(AgedRows.NEWS);
      String text =
          jdbi.withHandle(
              h ->
                  String.join(
                      "\n",
                      h.createQuery("explain (analyze, costs off, timing off) " + statement)
                          .bindMap(news ? Map.of("after", 0L) : Map.of())
                          .bind("before", before)
                          .bind("limit", BATCH)
                          .mapTo(String.class)
                          .list()));
      assertFalse(text.contains("Seq Scan on task_"), text);
      Matcher rows = ROWS.matcher(text);
      while (rows.find()) {
        assertTrue(Integer.parseInt(rows.group(1)) <= BATCH, text);
      }
    }
  }

  private int bounded(Instant before, String after) {
    List<String> plan =
        jdbi.inTransaction(
            h -> {
              h.execute(RemovalStore.ORDERED);
              return h.createQuery(
                      "explain (analyze, costs off, timing off) " + RemovalStore.CANDIDATES)
                  .bindArray("tenants", String.class, tenants())
                  .bindArray("statuses", String.class, statuses())
                  .bindArray("befores", String.class, same(before.toString()))
                  .bindArray("bounds", String.class, same(TaskId.firstAt(before)))
                  .bind("after", after)
                  .bind("limit", BATCH)
                  .mapTo(String.class)
                  .list();
            });
    String text = String.join("\n", plan);
    assertTrue(text.contains("task_event_end"), text);
    assertFalse(text.contains("Seq Scan on task_event"), text);
    assertFalse(text.contains("Bitmap"), text);
    for (Pattern pattern : List.of(ROWS, REMOVED)) {
      Matcher rows = pattern.matcher(text);
      while (rows.find()) {
        // Thirty ranges may have a batch each behind their heads.
        assertTrue(Integer.parseInt(rows.group(1)) <= 30 * BATCH, text);
      }
    }
    Matcher all = ROWS.matcher(text);
    assertTrue(all.find(), text);
    return Integer.parseInt(all.group(1));
  }

  private static List<String> tenants() {
    return IntStream.range(0, 30).mapToObj(i -> "t" + i / 3).toList();
  }

  private static List<String> statuses() {
    return IntStream.range(0, 30)
        .mapToObj(i -> List.of("succeed", "failed", "expired").get(i % 3))
        .toList();
  }

  private static List<String> same(String value) {
    return Collections.nCopies(30, value);
  }
}
