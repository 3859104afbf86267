package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.TaskId;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rates and quotas of replicas that share one database, each asked for all it gives. */
class LimitsOfReplicasTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-01-20T12:00:00Z");
  private static final TenantConfig CONFIG = Settings.of(TenantConfig.class, Map.of());

  private final TestClock clock = new TestClock(NOW);

  @ParameterizedTest
  @CsvSource({"2, 10, 20", "2, 50, 50", "2, 3, 1", "3, 20, 10"})
  void a_rate_holds_for_all_replicas_within_what_the_docs_state(int replicas, int rate, int burst) {
    Caller caller = caller(rate, burst);
    List<RateLimits> all =
        IntStream.range(0, replicas)
            .mapToObj(i -> new RateLimits(DATABASE.jdbi(), clock, CONFIG, new Loops()))
            .toList();
    int seconds = 20;
    List<Integer> passed = new ArrayList<>();
    for (int tick = 0; tick < seconds * 10; tick++) {
      int now = 0;
      for (RateLimits replica : all) {
        now += passes(replica, caller);
      }
      passed.add(now);
      clock.advance(Duration.ofMillis(100));
      if (tick % 5 == 4) {
        all.forEach(RateLimits::sync);
      }
    }

    double error = (replicas - 1) * (burst + rate * 1.0);
    for (int from = 0; from < passed.size(); from += 10) {
      for (int to = from + 10; to <= passed.size(); to += 10) {
        int sum = passed.subList(from, to).stream().mapToInt(Integer::intValue).sum();
        double allowed = burst + rate * (to - from) / 10.0;
        assertTrue(
            sum <= allowed + error,
            "from %d to %d: %d, allowed %s and %s".formatted(from, to, sum, allowed, error));
      }
    }
    // Replicas that share with one another give no less than the rate in the long run either.
    int whole = passed.stream().mapToInt(Integer::intValue).sum();
    assertTrue(whole >= rate * seconds * 0.7, "only " + whole);
  }

  @Test
  void tasks_waiting_are_bounded_for_all_replicas_within_a_second_of_the_other() {
    Quota quota = new Quota(10, null, null, null);
    Quotas here = quotas();
    Quotas there = quotas();

    int first = fill(here, quota, "1");
    assertEquals(10, first);
    // The other has not looked yet, or it has: it looks before it admits the first.
    assertEquals(0, fill(there, quota, "1"));
    ProblemException refused =
        assertThrows(ProblemException.class, () -> there.admit("acme", quota, BigDecimal.ONE));
    assertEquals(ErrorCode.QUOTA_EXCEEDED, refused.code());
    assertTrue(String.valueOf(refused.getMessage()).contains("10 tasks waiting"));

    // Some have started: both see the room, and what one takes the other sees a second later.
    DATABASE
        .jdbi()
        .useHandle(
            h -> h.execute("delete from dispatch_queue where task_id < '%s'".formatted(id(4))));
    clock.advance(Duration.ofMillis(1001));
    here.admit("acme", quota, BigDecimal.ONE).close();
    there.admit("acme", quota, BigDecimal.ONE).close();
    int both = fill(here, quota, "1") + fill(there, quota, "1");
    assertTrue(both >= 4 && both <= 8, "together " + both);
    clock.advance(Duration.ofMillis(1001));
    assertEquals(0, fill(here, quota, "1") + fill(there, quota, "1"));
  }

  @ParameterizedTest
  @CsvSource({"true, day", "false, month"})
  void units_are_bounded_for_all_replicas_and_come_back_with_the_next_span(
      boolean daily, String word) {
    BigDecimal most = new BigDecimal("20");
    Quota quota = daily ? new Quota(null, most, null, null) : new Quota(null, null, most, null);
    Quotas here = quotas();
    Quotas there = quotas();

    assertEquals(6, fill(here, quota, "3"));
    assertEquals(0, fill(there, quota, "3"));
    ProblemException refused =
        assertThrows(ProblemException.class, () -> there.admit("acme", quota, new BigDecimal("3")));
    assertTrue(
        String.valueOf(refused.getMessage()).contains("20 units a " + word), refused.getMessage());
    Duration wait = refused.retryAfter();
    assertEquals(daily ? 12 : 11 * 24 + 12, wait == null ? -1 : wait.toHours());
    // A cheaper one fits.
    assertEquals(1, fill(there, quota, "2"));

    clock.advance(Duration.ofHours(daily ? 12 : 11 * 24 + 12));
    assertEquals(6, fill(there, quota, "3"));
    clock.advance(Duration.ofMillis(1001));
    assertEquals(0, fill(here, quota, "3"));
  }

  @Test
  void money_is_bounded_by_the_list_price_until_kling_says_what_it_took() {
    Quota quota = new Quota(null, null, null, new BigDecimal("1.5"));
    Quotas here = quotas();
    Quotas there = quotas();

    // Ten units are 1.40.
    assertEquals(3, fill(here, quota, "3"));
    assertEquals(0, fill(there, quota, "3"));
    ProblemException refused =
        assertThrows(ProblemException.class, () -> there.admit("acme", quota, new BigDecimal("3")));
    assertEquals(ErrorCode.QUOTA_EXCEEDED, refused.code());
    assertTrue(
        String.valueOf(refused.getMessage()).contains("1.5 USD a month"), refused.getMessage());
    Duration wait = refused.retryAfter();
    assertEquals(11 * 24 + 12, wait == null ? -1 : wait.toHours());

    // One was cheaper than by the list, and one of another currency counts as its units.
    charge(0, "0.10", "USD");
    charge(1, "99", "CNY");
    clock.advance(Duration.ofMillis(1001));
    // 0.10 + 0.42 + 0.42 are used.
    assertEquals(1, fill(here, quota, "3"));
    clock.advance(Duration.ofMillis(1001));
    assertEquals(0, fill(there, quota, "3"));
    assertEquals(1, fill(there, quota, "1"));

    clock.advance(Duration.ofDays(12));
    assertEquals(3, fill(here, quota, "3"));
  }

  @Test
  void what_was_paid_part_in_units_and_part_in_money_counts_both() {
    Quota quota = new Quota(null, null, null, new BigDecimal("1.5"));
    assertEquals(3, fill(quotas(), quota, "3"));
    // One unit and a dollar, in place of three units.
    charge(0, "1.00", "USD");
    DATABASE.jdbi().useHandle(h -> h.execute("update task set units = 1 where id = ?", id(0)));

    clock.advance(Duration.ofMillis(1001));
    // 1.14 + 0.42 + 0.42 are used.
    assertEquals(0, fill(quotas(), quota, "0"));
    assertEquals(
        1, fillAtMost(quotas(), new Quota(null, null, null, new BigDecimal("1.98")), "0", 1));
  }

  private void charge(int number, String amount, String currency) {
    DATABASE
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    "update task set amount = cast(? as numeric), currency = ? where id = ?",
                    amount,
                    currency,
                    id(number)));
  }

  @Test
  void a_month_counts_its_earlier_days_too() {
    Quota quota = new Quota(null, null, new BigDecimal("20"), null);
    assertEquals(4, fillAtMost(quotas(), quota, "3", 4));
    clock.advance(Duration.ofDays(1));

    assertEquals(2, fill(quotas(), quota, "3"));
  }

  private Quotas quotas() {
    return new Quotas(DATABASE.jdbi(), clock, new CurrentCaller());
  }

  private int fill(Quotas quotas, Quota quota, String units) {
    return fillAtMost(quotas, quota, units, 100);
  }

  /** Admits and stores, as a submission does, until it is refused. */
  private int fillAtMost(Quotas quotas, Quota quota, String units, int most) {
    int count = 0;
    while (count < most) {
      try (Quotas.Admission place = quotas.admit("acme", quota, new BigDecimal(units))) {
        store(units);
        place.stored();
        count++;
      } catch (ProblemException e) {
        return count;
      }
    }
    return count;
  }

  private int stored;

  private static String id(int number) {
    return TaskId.firstAt(NOW).substring(0, 15) + "%016d".formatted(number);
  }

  private void store(String units) {
    String id = TaskId.firstAt(clock.instant()).substring(0, 15) + "%016d".formatted(stored++);
    DATABASE
        .jdbi()
        .useHandle(
            h -> {
              h.execute(
                  "insert into tenant (id, name, created_at) values ('acme', 'A', now()) on conflict do nothing");
              h.createUpdate(
                      """
                      insert into task (id, tenant_id, kind, status, sequence, feed_position, created_at, updated_at, units_expected)
                      values (:id, 'acme', 'text2video', 'queued', 1, 0, now(), now(), cast(:units as numeric))
                      """)
                  .bind("id", id)
                  .bind("units", units)
                  .execute();
              h.createUpdate(
                      "insert into dispatch_queue (task_id, tenant_id, family, due_at) values (:id, 'acme', 'video', now())")
                  .bind("id", id)
                  .execute();
            });
  }

  private static int passes(RateLimits replica, Caller caller) {
    int count = 0;
    while (count < 1000) {
      try {
        replica.take(caller);
        count++;
      } catch (ProblemException e) {
        return count;
      }
    }
    return count;
  }

  static Caller caller(int rate, @Nullable Integer burst) {
    return new Caller(
        UUID.randomUUID(),
        "k",
        "acme",
        Scope.ALL,
        new BigDecimal(rate),
        burst,
        Quota.NONE,
        Map.of(),
        Set.of(),
        null,
        null,
        null);
  }
}
