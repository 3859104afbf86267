package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Random;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Nothing is received about a task. */
class SilenceTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Map<String, String> SETTINGS =
      Map.of("kling.accounts.default.api-key", "key", "tracker.reconcile.rate", "1000000");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, SETTINGS);
  private final FakeKling kling = new FakeKling(new Random(1), clock, false);
  private CallbackParts callbacks;
  private ReconcileParts reconciler;
  private String task;
  private FakeKling.Truth truth;

  @BeforeEach
  void a_task_at_kling() {
    GivenTasks.tenant(jdbi);
    callbacks = new CallbackParts(jdbi, clock, tasks, upstream, SETTINGS);
    reconciler =
        new ReconcileParts(jdbi, clock, tasks, upstream, kling, new SameThread(), SETTINGS);
    task = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(30));
    truth = kling.accept("878106242831892487", task);
  }

  @AfterEach
  void stop() {
    callbacks.close();
  }

  @Test
  void kling_is_asked_and_the_end_is_right() {
    truth.becomes("succeed");

    pass(Duration.ofMinutes(1));

    assertEquals("succeed", status());
    assertEquals("878106242831892487", text(jdbi, "select kling_task_id from task"));
    assertEquals(1, number(jdbi, "select lost from callback_ledger"));
  }

  @Test
  void a_round_that_failed_is_not_left_to_its_lease() {
    truth.becomes("succeed");
    kling.breaks = true;
    pass(Duration.ofMinutes(1));
    kling.breaks = false;
    pass(Duration.ofMillis(100));
    assertEquals("queued", status());

    pass(Duration.ofSeconds(5));

    assertEquals("succeed", status());
  }

  @Test
  void what_kling_says_again_and_again_is_no_news() {
    truth.becomes("processing");
    for (int i = 0; i < 20; i++) {
      pass(Duration.ofMinutes(15));
    }

    assertEquals("processing", status());
    assertEquals(2, number(jdbi, "select count(*) from task_event"));
    assertEquals(0, number(jdbi, "select count(*) from task_news"));
    assertTrue(kling.calls > 10, kling.calls + " questions");
  }

  @Test
  void without_news_a_task_expires_softly_and_is_given_up_after_a_week() {
    kling.awayShare = 1;
    pass(Duration.ofMinutes(1));
    pass(Duration.ofHours(24));
    assertEquals("expired", status());
    assertEquals(0, number(jdbi, "select slots from open_task"));

    int before = kling.calls;
    for (int day = 0; day < 6 * 24; day++) {
      pass(Duration.ofHours(1));
    }
    int asked = kling.calls - before;
    assertTrue(asked >= 100 && asked <= 150, asked + " questions in six days");
    pass(Duration.ofDays(2));

    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertEquals("expired", status());
  }

  @ParameterizedTest
  @CsvSource({"succeed", "failed"})
  void kling_s_later_truth_replaces_expired_and_is_late(String end) {
    kling.awayShare = 1;
    pass(Duration.ofMinutes(1));
    pass(Duration.ofHours(24));
    kling.awayShare = 0;
    truth.becomes(end);

    pass(Duration.ofHours(2));

    assertEquals(end, status());
    assertEquals(
        "true",
        text(jdbi, "select payload ->> 'late' from task_event order by sequence desc limit 1"));
  }

  @Test
  void a_callback_of_a_task_given_up_is_proved_and_counts() {
    kling.awayShare = 1;
    pass(Duration.ofMinutes(1));
    pass(Duration.ofHours(24));
    pass(Duration.ofDays(8));
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    kling.awayShare = 0;
    truth.becomes("succeed");

    callbacks.receive(task, kling.body(truth, "succeed", 0), null, null, null);
    callbacks.workOff();
    reconciler.runOnce();

    assertEquals("succeed", status());
    assertEquals(
        "true",
        text(jdbi, "select payload ->> 'late' from task_event order by sequence desc limit 1"));
  }

  @Test
  void a_callback_that_comes_after_its_end_was_found_is_not_lost_any_more() {
    truth.becomes("succeed");
    pass(Duration.ofMinutes(1));
    assertEquals(1, number(jdbi, "select lost from callback_ledger"));

    callbacks.receive(task, kling.body(truth, "succeed", 0), null, null, null);
    callbacks.workOff();

    assertEquals(0, number(jdbi, "select lost from callback_ledger"));
    assertEquals(1, number(jdbi, "select arrived from callback_ledger"));
  }

  @Test
  void a_word_that_nobody_knows_is_no_end_and_is_noted_once() {
    truth.becomes("paused");
    for (int i = 0; i < 5; i++) {
      pass(Duration.ofMinutes(15));
    }

    // Kling has the task, whatever the word means.
    assertEquals("submitted", status());
    assertEquals(1, number(jdbi, "select count(*) from task_news where reason = 'not-understood'"));
  }

  private void pass(Duration time) {
    clock.advance(time);
    reconciler.runOnce();
  }

  private String status() {
    return text(jdbi, "select status::text from task where id = '" + task + "'");
  }
}
