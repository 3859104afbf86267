package io.klingtracker.upstream;

import static io.klingtracker.testing.Rows.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.CallbackStats.Account;
import io.klingtracker.upstream.CallbackStats.End;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** When Kling is asked, and what is learnt for it. */
class CheckPlanTest {

  private static final UpstreamRef TASK =
      new UpstreamRef("task_1", "text2video", "kling-v3", "default");

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-10-25T00:30:00.000Z"));
  private final UpstreamParts upstream =
      new UpstreamParts(jdbi, clock, TasksOnDatabase.of(jdbi, clock), Map.of());

  @Test
  void an_unknown_model_is_asked_about_after_the_configured_time() {
    assertBetween(30, 36, first(clock.instant()));
  }

  @Test
  void a_known_model_is_first_asked_about_when_95_of_a_hundred_are_done() {
    learn();

    assertBetween(154, 186, first(clock.instant()));
    // A task that has been rendering for a while has that behind it.
    assertBetween(34, 42, first(clock.instant().minusSeconds(120)));
    assertBetween(2, 3, first(clock.instant().minusSeconds(600)));
  }

  @Test
  void what_was_learnt_is_bounded_and_survives_a_restart() {
    for (int i = 0; i < 1000; i++) {
      upstream.times.add("text2video", "kling-v3", Duration.ofSeconds(100));
    }

    assertTrue(number(jdbi, "select count(*) from sample") <= 200);
    RenderTimes afterwards = new RenderTimes(jdbi, clock, upstream.models);
    assertEquals(
        Duration.ofSeconds(100), afterwards.of("text2video", "kling-v3").orElseThrow().most());
    assertTrue(afterwards.of("text2video", "kling-v2-6").isEmpty());
  }

  @Test
  void asking_tightens_when_callbacks_stop_and_relaxes_when_they_come_again() {
    learn();

    ended(40, null);
    assertBetween(109, 132, first(clock.instant()));
    assertBetween(6, 11, next(1));

    ended(40, 9_000L);
    assertBetween(154, 186, first(clock.instant()));
    assertBetween(30, 48, next(1));
  }

  @Test
  void waits_grow_and_end() {
    assertBetween(24, 36, next(1));
    assertBetween(48, 72, next(2));
    assertBetween(480, 720, next(20));
  }

  @Test
  void the_ledger_counts_what_came_and_what_did_not() {
    ended(10, 4_000L);
    ended(4, null);
    upstream.stats.cameLate("task-4-2");
    upstream.stats.cameLate("task-4-2");
    upstream.stats.wrong("default");
    clock.advance(Duration.ofMinutes(1));

    Account account = upstream.stats.of("default");

    assertEquals(14, account.expected());
    assertEquals(11, account.arrived());
    assertEquals(3, account.lost());
    assertEquals(1, account.wrong());
    assertEquals(4_000L, account.medianLeadMillis());
    assertEquals(4_000L, account.p99LeadMillis());
    assertNull(upstream.stats.of("other").medianLeadMillis());
    assertEquals(
        3.0,
        upstream.meters.get("tracker.callbacks.lost").tag("account", "default").gauge().value());
  }

  @Test
  void ends_of_yesterday_say_nothing_of_today() {
    ended(40, null);
    clock.advance(Duration.ofHours(2));

    assertEquals(0, upstream.stats.of("default").silence());
  }

  /** 60 s to 159 s, evenly. */
  private void learn() {
    jdbi.useHandle(
        h ->
            LongStream.range(0, 100)
                .forEach(
                    i ->
                        h.execute(
                            "insert into sample values ('render', 'text2video', 'kling-v3', ?, ?, now())",
                            (int) i,
                            60_000 + i * 1000)));
  }

  private void ended(int many, Long lead) {
    for (int i = 0; i < many; i++) {
      clock.advance(Duration.ofMillis(10));
      upstream.stats.ended(
          IntStream.of(i)
              .mapToObj(n -> new End("task-" + many + "-" + n, "default", lead))
              .toList());
    }
    clock.advance(Duration.ofMinutes(1));
  }

  private Duration first(Instant startedAt) {
    return Duration.between(clock.instant(), upstream.plan.first(TASK, startedAt));
  }

  private Duration next(int checks) {
    return Duration.between(clock.instant(), upstream.plan.next(TASK, checks));
  }

  private static void assertBetween(long least, long most, Duration wait) {
    assertTrue(
        wait.toMillis() >= least * 1000 && wait.toMillis() <= most * 1000,
        wait + " is not between " + least + " s and " + most + " s");
  }
}
