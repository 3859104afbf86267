package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * What a signed callback changes in the transaction that stores it, and what it leaves to later.
 */
class AppliedAtOnceTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String KEY = "dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
  private static final Map<String, String> SETTINGS =
      Map.of(
          "kling.accounts.default.api-key",
          "key",
          "kling.accounts.default.webhook-secrets",
          "whsec_" + KEY);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private CallbackParts callbacks;
  private String task;

  @BeforeEach
  void a_task_at_kling() {
    GivenTasks.tenant(jdbi);
    callbacks =
        new CallbackParts(
            jdbi, clock, tasks, new UpstreamParts(jdbi, clock, tasks, SETTINGS), SETTINGS);
    task = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(40));
  }

  @AfterEach
  void stop() {
    callbacks.close();
  }

  @Test
  void a_step_forward_counts_with_the_answer() throws Exception {
    assertEquals(200, receive("k1", "processing"));
    assertEquals("processing", status());
    assertEquals(200, receive("k1", "succeed"));

    assertEquals("succeed", status());
    assertEquals("k1", text(jdbi, "select kling_task_id from task"));
    assertEquals("default", text(jdbi, "select account from task"));
    assertEquals(3, number(jdbi, "select count(*) from task_event"));
    assertEquals(3, number(jdbi, "select count(*) from outbox"));
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertEquals(0, number(jdbi, "select count(*) from callback_pending"));
    assertEquals(
        2, number(jdbi, "select count(*) from callback_receipt where verdict = 'applied'"));
  }

  @Test
  void what_is_learnt_from_an_end_is_booked_by_the_next_pass() throws Exception {
    receive("k1", "succeed");

    callbacks.workOff();

    assertEquals(1, number(jdbi, "select arrived from callback_ledger"));
    assertEquals(40_000, number(jdbi, "select millis from sample"));
  }

  @Test
  void a_repeat_and_an_older_word_wait_for_their_note() throws Exception {
    receive("k1", "succeed");
    assertEquals(200, receive("k1", "processing"));
    assertEquals(200, receive("k1", "succeed"));
    assertEquals(2, number(jdbi, "select count(*) from callback_pending"));

    callbacks.workOff();

    assertEquals(0, number(jdbi, "select count(*) from callback_pending"));
    assertEquals("succeed", status());
    assertEquals(
        2, number(jdbi, "select count(*) from task_news where reason in ('older', 'repeated')"));
  }

  @Test
  void another_tasks_id_at_kling_is_not_adopted_and_harms_no_neighbour() throws Exception {
    receive("k1", "processing");
    String other = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(40));

    assertEquals(200, receive(other, "k1", "processing"));

    assertEquals("queued", text(jdbi, "select status::text from task where id = '" + other + "'"));
    callbacks.workOff();
    assertEquals(0, number(jdbi, "select count(*) from callback_pending"));
    assertEquals("queued", text(jdbi, "select status::text from task where id = '" + other + "'"));
    assertEquals(1, number(jdbi, "select count(*) from task_news where reason = 'other-task'"));
  }

  @Test
  void a_task_that_somebody_holds_is_not_waited_for() throws Exception {
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("select from task where id = ? for update", task);
      assertEquals(200, receive("k1", "processing"));
      assertEquals("queued", status());
      // What came first goes first, though nobody holds the task by then.
      other.rollback();
    }
    assertEquals(200, receive("k1", "succeed"));
    assertEquals("queued", status());

    callbacks.workOff();

    assertEquals("succeed", status());
    assertEquals(3, number(jdbi, "select count(*) from task_event"));
  }

  @Test
  void tasks_that_were_never_sent_or_that_others_submit_are_looked_at_again() throws Exception {
    String stored = GivenTasks.stored(tasks);
    jdbi.useHandle(
        h -> h.execute("update task set tracked = id in (select task_id from open_task)"));

    receive(stored, "k2", "succeed");
    receive("k1", "processing");

    assertEquals(0, number(jdbi, "select count(*) from task where status <> 'queued'"));
    assertEquals(2, number(jdbi, "select count(*) from callback_pending"));
  }

  @Test
  void the_plan_of_when_to_ask_stays() throws Exception {
    receive("k1", "processing");

    assertEquals(
        1,
        number(
            jdbi,
            "select count(*) from open_task where next_check_at = timestamptz '"
                + clock.instant().plusSeconds(40)
                + "'"));
  }

  @Test
  void another_id_at_kling_and_a_repeat_change_nothing() throws Exception {
    tasks.apply(
        List.of(
            new News(task, Source.DISPATCH, new TaskSignal.Submitted(), "k1", null, null, "ok")));
    receive("k2", "succeed");
    assertEquals("submitted", status());
    receive("k1", "submitted");
    assertEquals("submitted", status());
    callbacks.workOff();
    receive("k1", "failed");
    assertEquals("failed", status());
  }

  private int receive(String klingId, String status) throws Exception {
    return receive(task, klingId, status);
  }

  private int receive(String taskId, String klingId, String status) throws Exception {
    String body =
        """
        {"task_id":"%s","task_status":"%s","task_info":{"external_task_id":"%s"},"task_result":{}}\
        """
            .formatted(klingId, status, taskId);
    String time = Long.toString(clock.instant().getEpochSecond());
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(Base64.getDecoder().decode(KEY), "HmacSHA256"));
    byte[] hash = mac.doFinal(("m." + time + "." + body).getBytes("UTF-8"));
    return callbacks.receive(
        taskId, body, "m", time, "v1," + Base64.getEncoder().encodeToString(hash));
  }

  private String status() {
    return text(jdbi, "select status::text from task where id = '" + task + "'");
  }
}
