package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.loops.Loops;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Limits under callers that come at once: what passes is counted, not how long it takes. */
class ParallelLimitsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int CALLERS = 32;
  private static final TenantConfig CONFIG = Settings.of(TenantConfig.class, Map.of());

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-20T12:34:56Z"));
  private final ExecutorService callers = Executors.newFixedThreadPool(CALLERS);

  @BeforeEach
  void tenant() {
    Rows.tenants(jdbi, "acme");
  }

  @AfterEach
  void end() {
    callers.shutdownNow();
  }

  @Test
  void a_burst_passes_once_and_then_what_the_rate_gives() throws Exception {
    RateLimits rates = new RateLimits(jdbi, clock, CONFIG, new Loops());
    Caller caller = LimitsOfReplicasTest.caller(10, 50);

    assertEquals(50, passing(10, () -> rates.take(caller)));
    clock.advance(Duration.ofSeconds(2));
    assertEquals(20, passing(10, () -> rates.take(caller)));
  }

  @Test
  void a_key_that_is_put_away_while_it_is_used_gets_no_second_burst() throws Exception {
    RateLimits rates = new RateLimits(jdbi, clock, CONFIG, new Loops());
    Caller caller = LimitsOfReplicasTest.caller(1, 7);
    passing(1, () -> rates.take(caller));
    rates.sync();
    clock.advance(Duration.ofHours(1));

    // Every caller first has the idle bucket put away, if it still is.
    assertEquals(
        7,
        passing(
            5,
            () -> {
              rates.sync();
              rates.take(caller);
            }));
  }

  @Test
  void tasks_waiting_and_units_are_taken_once() throws Exception {
    Quotas quotas = new Quotas(jdbi, clock, new CurrentCaller());

    assertEquals(
        10,
        passing(
            3,
            () -> quotas.admit("acme", new Quota(10, null, null, null), BigDecimal.ZERO).stored()));
    BigDecimal three = new BigDecimal("3");
    assertEquals(
        6,
        passing(
            3,
            () ->
                quotas
                    .admit("acme", new Quota(null, new BigDecimal("20"), null, null), three)
                    .stored()));
  }

  @Test
  void synchronous_calls_count_and_those_refused_by_kling_cost_nothing() throws Exception {
    Quotas quotas = new Quotas(jdbi, clock, new CurrentCaller());
    Quota one = new Quota(0, BigDecimal.ONE, null, null);
    BigDecimal price = new BigDecimal("0.05");

    assertEquals(20, passing(2, () -> quotas.count("acme", null, one, "audio/tts", price)));
    assertEquals("20 1.00", used());

    // Another replica finds them in the database; the waiting of tasks is not theirs.
    Quotas there = new Quotas(jdbi, clock, new CurrentCaller());
    assertEquals(0, passing(1, () -> there.count("acme", null, one, "audio/tts", price)));
    clock.advance(Duration.ofDays(1));
    CountedCalls.Call refused = there.count("acme", UUID.randomUUID(), one, "audio/tts", price);
    refused.refused();
    refused.refused();
    assertEquals("21 1.00", used());
  }

  private String used() {
    return jdbi.withHandle(
        h ->
            h.createQuery("select sum(calls) || ' ' || sum(units) from passed_use")
                .mapTo(String.class)
                .one());
  }

  /** How many of some calls by each caller pass. */
  private int passing(int each, Runnable call) throws Exception {
    CountDownLatch together = new CountDownLatch(CALLERS);
    List<Future<Integer>> counts = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      counts.add(
          callers.submit(
              () -> {
                together.countDown();
                together.await();
                int passed = 0;
                for (int n = 0; n < each; n++) {
                  try {
                    call.run();
                    passed++;
                  } catch (ProblemException e) {
                    // Over its limit.
                  }
                }
                return passed;
              }));
    }
    int passed = 0;
    for (Future<Integer> count : counts) {
      passed += count.get(120, TimeUnit.SECONDS);
    }
    return passed;
  }
}
