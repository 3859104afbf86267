package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class CallbackDecisionTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");

  @Test
  void a_callback_of_a_create_that_was_given_up_as_lost_waits_until_the_task_is_sent_again() {
    assertEquals(new CallbackDecision.Wait(), ruling(false, true));
    assertEquals(new CallbackDecision.Apply(), ruling(true, true));
    assertEquals(
        new CallbackDecision.Note("untrue", "nothing was sent to Kling yet"), ruling(false, false));
  }

  private static CallbackDecision ruling(boolean open, boolean lost) {
    PendingCallback.TaskState task =
        new PendingCallback.TaskState(
            new UpstreamRef("task_1", "text2video", "kling-v3", "default"),
            TaskStatus.QUEUED,
            null,
            null,
            open,
            lost,
            false,
            false,
            NOW,
            null,
            null);
    KlingNews news =
        new KlingNews(
            "7", "task_1", KlingStatus.PROCESSING, "processing", "", null, null, null, null);
    return CallbackDecision.of(
        new PendingCallback(1, "task_1", new byte[0], true, NOW, 1, task),
        news,
        CallbackConfig.Verify.UNSIGNED);
  }
}
