package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class RulingTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");

  @Test
  void a_callback_of_a_create_that_was_given_up_as_lost_waits_until_the_task_is_sent_again() {
    assertEquals(new Ruling.Wait(), ruling(false, true));
    assertEquals(new Ruling.Apply(), ruling(true, true));
    assertEquals(new Ruling.Note("untrue", "nothing was sent to Kling yet"), ruling(false, false));
  }

  private static Ruling ruling(boolean open, boolean lost) {
    PendingCallback.Standing task =
        new PendingCallback.Standing(
            "text2video",
            "kling-v3",
            "default",
            TaskStatus.QUEUED,
            null,
            null,
            open,
            lost,
            false,
            NOW,
            null,
            null);
    KlingNews said =
        new KlingNews(
            "7", "task_1", KlingStatus.PROCESSING, "processing", "", null, null, null, null);
    return Ruling.of(
        new PendingCallback(1, "task_1", new byte[0], true, NOW, 1, task),
        said,
        CallbackConfig.Verify.UNSIGNED);
  }
}
