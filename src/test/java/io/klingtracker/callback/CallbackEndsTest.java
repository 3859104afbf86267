package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.presence.DeadClaims;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a callback that was taken leads to: applied, proved, repeated, swept. */
class CallbackEndsTest extends CallbackRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  CallbackEndsTest() {
    super(DATABASE);
  }

  @Test
  void a_repeated_body_is_counted_and_not_stored_again() {
    for (int i = 0; i < 10; i++) {
      assertEquals(200, post(path, body("processing")).status());
      callbacks.workOff();
    }

    assertEquals(1, number("select count(*) from callback_receipt"));
    assertEquals(9, number("select repeated from callback_receipt"));
    assertEquals(2, number("select count(*) from task_event"));
    assertEquals(1, number("select count(*) from task_news where reason = 'repeated'"));
  }

  @Test
  void an_unsigned_end_counts_when_kling_confirms_it() {
    kling.byId.get("878106242831892487").becomes("succeed");

    post(path, body("succeed"));
    callbacks.workOff();

    assertNotEquals("succeed", status());
    reconciler.runOnce();
    assertEquals("succeed", status());
    assertEquals("poll", text("select source from task_event where status = 'succeed'"));
    assertEquals(1, kling.calls);
  }

  @Test
  void older_news_beside_an_end_does_not_put_its_confirmation_off() {
    kling.byId.get("878106242831892487").becomes("succeed");
    post(path, body("succeed"));
    post(path, body("processing"));
    callbacks.workOff();

    reconciler.runOnce();

    assertEquals("succeed", status());
  }

  @Test
  void an_end_that_kling_does_not_tell_of_yet_is_asked_about_again_soon() {
    post(path, body("succeed"));
    callbacks.workOff();
    reconciler.runOnce();
    assertEquals("processing", status());
    kling.byId.get("878106242831892487").becomes("succeed");

    clock.advance(Duration.ofSeconds(1));
    reconciler.runOnce();

    assertEquals("succeed", status());
  }

  @Test
  void the_receipt_needs_no_lock_of_the_task() {
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("select from task where id = ? for update", task);

      assertEquals(200, post(path, body("processing")).status());
      callbacks.workOff();

      other.rollback();
    }
    assertEquals("queued", status());
    clock.advance(Duration.ofSeconds(1));
    callbacks.workOff();
    assertEquals("processing", status());
  }

  @Test
  void what_a_crash_left_is_worked_off_after_it() {
    post(path, body("processing"));
    callbacks.pending.claim(10);
    callbacks.close();
    listen();

    callbacks.workOff();
    assertEquals("queued", status(), "a living replica's");
    assertEquals(1, DeadClaims.free(jdbi, "callback_pending"));
    callbacks.workOff();

    assertEquals("processing", status());
  }

  @Test
  void a_task_with_too_many_different_callbacks_gets_no_more_rows() {
    for (int i = 0; i < ReceiptStore.PER_TASK; i++) {
      assertEquals(200, post(path, body("word-" + i)).status());
    }

    assertEquals(429, post(path, body("word-too-many")).status());
    assertEquals(200, post(path, body("word-1")).status());
    assertEquals(ReceiptStore.PER_TASK, number("select count(*) from callback_receipt"));
  }

  @Test
  void old_receipts_are_swept_and_waiting_ones_are_not() {
    post(path, body("processing"));
    clock.advance(Duration.ofDays(31));
    assertEquals(0, callbacks.receipts.sweep(clock.instant().minus(Duration.ofDays(30)), 100));

    callbacks.workOff();

    assertEquals(1, callbacks.receipts.sweep(clock.instant().minus(Duration.ofDays(30)), 100));
    assertEquals(0, number("select count(*) from callback_receipt"));
  }

  @Test
  void kling_contradicting_its_own_end_is_an_alarm_and_not_applied() {
    settings.put("tracker.callback.verify", "never");
    callbacks.close();
    listen();
    post(path, body("failed"));
    callbacks.workOff();

    post(path, body("succeed"));
    callbacks.workOff();

    assertEquals("failed", status());
    assertEquals("contradicts", text("select reason from task_news"));
    assertEquals("contradicts", text("select verdict from callback_receipt where id = 2"));
  }

  @Test
  void a_result_at_a_strange_host_is_flagged() {
    settings.put("tracker.callback.verify", "never");
    callbacks.close();
    listen();

    post(path, body("succeed").replace("v15.klingai.com", "klingai.com.evil.example"));
    callbacks.workOff();

    assertEquals("succeed", status());
    assertEquals("result-host", text("select reason from task_news"));
    assertTrue(text("select detail from task_news").contains("klingai.com.evil.example"));
  }
}
