package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class UsageTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-01-31T12:30:00Z");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);

  @BeforeEach
  void tenant() {
    Rows.tenants(jdbi, "acme");
  }

  @Test
  void a_deduction_of_zero_is_zero_and_an_unknown_one_the_expected_price() {
    ended(new TaskSignal.Failed(null, "no"), BigDecimal.ZERO);
    assertEquals("0", units());

    unknown(new TaskSignal.Failed(null, "no"));
    assertEquals("3", units());

    ended(new TaskSignal.Succeed("{}"), new BigDecimal("2.4"));
    assertEquals("5.4", units());
  }

  @Test
  void money_is_what_kling_took_and_units_by_their_list_price() {
    ended(new TaskSignal.Succeed("{}"), new BigDecimal("2"));
    assertEquals("2 0.28 USD charged", cost());

    charged(Cost.charged(null, new BigDecimal("1.5"), "USD"));
    // Counted in units as it was expected.
    assertEquals("5 1.78 USD charged", cost());

    charged(Cost.charged(null, new BigDecimal("9"), "CNY"));
    assertEquals("8 2.2 USD charged", cost());

    unknown(new TaskSignal.Failed(null, "no"));
    assertEquals("11 2.62 USD expected", cost());
  }

  @Test
  void what_was_paid_part_in_units_and_part_in_money_counts_both() {
    charged(Cost.charged(new BigDecimal("2"), new BigDecimal("1.5"), "USD"));
    assertEquals("2 1.78 USD charged", cost());

    // Of another currency it is worth what was expected, three units.
    charged(Cost.charged(new BigDecimal("1"), new BigDecimal("9"), "CNY"));
    assertEquals("3 2.2 USD charged", cost());
  }

  private String cost() {
    Cost cost =
        new Usage(jdbi)
            .report("acme", NOW.minusSeconds(1), NOW.plusSeconds(1), Set.of(), 9)
            .get(0)
            .cost();
    return cost.units()
        + " "
        + cost.amount()
        + " "
        + cost.currency()
        + " "
        + cost.state().wireName();
  }

  @Test
  void synchronous_calls_have_their_share_of_a_report() {
    unknown(new TaskSignal.Succeed("{}"));
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into passed_use (tenant_id, hour, path, calls, units) values"
                    + " ('acme', '2026-01-31T12:00:00Z', 'audio/tts', 4, 0.2),"
                    + " ('acme', '2026-01-30T12:00:00Z', 'audio/tts', 1, 0.05)"));

    List<Usage.Line> lines =
        new Usage(jdbi)
            .report(
                "acme", NOW.minus(Duration.ofDays(2)), NOW.plusSeconds(1), Set.of(Usage.By.DAY), 9);

    assertEquals(
        List.of("2026-01-30 0 1 0.05", "2026-01-31 1 4 3.2"),
        lines.stream()
            .map(l -> l.day() + " " + l.tasks() + " " + l.calls() + " " + l.units().toPlainString())
            .toList());
  }

  @Test
  void a_report_of_all_tenants_is_split_by_tenant() {
    Rows.tenants(jdbi, "other");
    unknown(new TaskSignal.Succeed("{}"));
    GivenTask.of("other").units("7").submit(tasks);
    jdbi.useHandle(
        h -> {
          h.execute(
              "insert into passed_use (tenant_id, hour, path, calls, units) values ('other', '2026-01-31T12:00:00Z', 'audio/tts', 4, 0.2)");
          h.execute(
              """
              insert into removed_use (tenant_id, hour, kind, status, tasks, uncharged, units, amount, units_listed)
              values ('acme', '2026-01-31T12:00:00Z', 'text2video', 'failed', 2, 0, 5, 0, 5)
              """);
        });
    List<Usage.Line> lines =
        new Usage(jdbi)
            .report(
                null,
                NOW.minus(Duration.ofHours(1)),
                NOW.plusSeconds(1),
                Set.of(Usage.By.TENANT),
                9);
    assertEquals(
        List.of("acme 3 2 0 8", "other 1 0 4 7.2"),
        lines.stream()
            .map(
                l ->
                    "%s %s %s %s %s"
                        .formatted(
                            l.tenant(),
                            l.tasks(),
                            l.failed(),
                            l.calls(),
                            l.units().toPlainString()))
            .toList());
  }

  private String units() {
    return new Usage(jdbi)
        .report("acme", NOW.minusSeconds(1), NOW.plusSeconds(1), Set.of(), 9)
        .get(0)
        .units()
        .toPlainString();
  }

  private void unknown(TaskSignal end) {
    settled(end, null);
  }

  private void ended(TaskSignal end, BigDecimal units) {
    settled(end, Cost.charged(units, null, null));
  }

  private void charged(Cost charge) {
    settled(new TaskSignal.Succeed("{}"), charge);
  }

  private void settled(TaskSignal end, @Nullable Cost charge) {
    String id = GivenTask.of("acme").units("3").submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(new News(id, Source.POLL, end, null, charge, null, end.status().wireName()));
  }
}
