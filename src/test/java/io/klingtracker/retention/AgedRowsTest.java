package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What has an age of its own goes by it, and nothing goes without one. */
class AgedRowsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final MeterRegistry registry = new SimpleMeterRegistry();

  @BeforeEach
  void fill() {
    Rows.tenants(jdbi, "acme", "other");
    jdbi.useHandle(
        h -> {
          h.execute("set session_replication_role = replica");
          // Ten days, a line and an hour each; that of the first day was repeated this morning.
          h.execute(
              """
              insert into task_news (task_id, at, source, reason, detail, repeats, repeated_at)
              select 'task_1', timestamptz '2026-03-21T12:00:00Z' + i * interval '1 day', 'poll', 'older', i::text,
                case when i = 1 then 1 else 0 end, case when i = 1 then timestamptz '2026-03-31T08:00:00Z' end
              from generate_series(1, 10) i
              """);
          h.execute("reset session_replication_role");
          for (String tenant : List.of("acme", "other")) {
            h.execute(
                """
                insert into removed_use (tenant_id, hour, kind, status, tasks, uncharged, units, amount, units_listed)
                select ?, timestamptz '2026-03-31T12:00:00Z' - i * interval '10 days', 'text2video', 'succeed', 1, 0, 1, 0, 1
                from generate_series(1, 10) i
                """,
                tenant);
            h.execute(
                """
                insert into passed_use (tenant_id, hour, path, calls, units)
                select ?, timestamptz '2026-03-31T12:00:00Z' - i * interval '10 days', 'audio/tts', 1, 1
                from generate_series(1, 10) i
                """,
                tenant);
            h.execute(
                """
                insert into task_sum
                select ?, timestamptz '2026-03-31T12:00:00Z' - i * interval '10 days', 'text2video', '', 'succeed'::task_status, 1
                from generate_series(1, 10) i
                union all select ?, '-infinity', 'text2video', '', 'succeed', 10
                """,
                tenant,
                tenant);
          }
        });
  }

  private AgedRows rows(Map<String, String> settings) {
    Map<String, String> all = new HashMap<>();
    settings.forEach((key, value) -> all.put("tracker.retention." + key, value));
    return new AgedRows(
        jdbi, Settings.of(RetentionConfig.class, all), new TestClock(NOW), registry);
  }

  private List<String> news() {
    return Rows.texts(jdbi, "select detail from task_news order by id");
  }

  private double removed(String kind) {
    return registry.get("tracker.retention.removed").tag("kind", kind).counter().count();
  }

  @Test
  void lines_of_timelines_go_by_when_they_were_last_repeated() {
    AgedRows rows = rows(Map.of("news", "3D", "rate", "2"));
    assertTrue(rows.removeBatch());
    assertEquals(List.of("1", "3", "4", "5", "6", "7", "8", "9", "10"), news());
    while (rows.removeBatch()) {
      // Until the round is over.
    }
    assertEquals(List.of("1", "7", "8", "9", "10"), news());
    assertEquals(5, removed("news"));
    assertFalse(rows.removeBatch());
  }

  @Test
  void sums_of_old_hours_go_and_those_of_all_hours_stay() {
    AgedRows rows = rows(Map.of("usage", "45D", "rate", "5"));
    assertTrue(rows.removeBatch());
    while (rows.removeBatch()) {
      // Until the round is over.
    }
    for (String table : AgedRows.USES) {
      assertEquals(
          List.of("acme 4", "other 4"),
          Rows.texts(
              jdbi,
              "select tenant_id || ' ' || count(*) from "
                  + table
                  + " where hour > '-infinity' group by tenant_id order by 1"),
          table);
    }
    assertEquals(20, Rows.number(jdbi, "select sum(tasks) from task_sum where hour = '-infinity'"));
    assertEquals(36, removed("usage"));
    assertEquals(10, news().size());
  }

  @Test
  void nothing_goes_without_an_age() {
    assertFalse(rows(Map.of("tasks", "1h")).removeBatch());
    assertEquals(10, news().size());
    assertEquals(
        62,
        Rows.number(
            jdbi,
            "select "
                + AgedRows.USES.stream()
                    .map(table -> "(select count(*) from " + table + ")")
                    .reduce((a, b) -> a + " + " + b)
                    .orElseThrow()));
  }
}
