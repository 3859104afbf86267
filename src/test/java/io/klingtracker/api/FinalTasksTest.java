package io.klingtracker.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.testing.TestClock;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which ended tasks are answered for without the database. */
class FinalTasksTest {

  private static final int SIZE = 2_000;
  private static final Instant END = Instant.parse("2026-03-01T10:00:00Z");

  private final TestClock clock = new TestClock(END);
  private final FinalTasks finals = new FinalTasks(SIZE, clock, new ObjectMapper());

  private static Task ended(String id, @Nullable String result) {
    return new Task(
        id,
        "acme",
        "text2video",
        null,
        "kling-v3",
        "kling-v3",
        "default",
        "k-" + id,
        null,
        null,
        TaskStatus.SUCCEED,
        3,
        null,
        null,
        null,
        null,
        false,
        result,
        null,
        null,
        null,
        null,
        null,
        END,
        END,
        END,
        END,
        null,
        null,
        null);
  }

  /** Asks for so many tasks as clients do who see an end and fetch it: how many were remembered. */
  private int asked(int from, int to) {
    int remembered = 0;
    for (int i = from; i < to; i++) {
      if (finals.get("acme", "task-" + i) == null) {
        finals.keep("task-" + i, ended("task-" + i, "{}"), finals.moment());
      } else {
        remembered++;
      }
    }
    return remembered;
  }

  @Test
  void a_task_is_remembered_from_its_first_answer_on_whatever_was_asked_for_before() {
    for (int round = 0; round < 5; round++) {
      int first = round * 1_500;
      assertEquals(0, asked(first, first + 1_500));
      assertEquals(1_500, asked(first, first + 1_500), "of round " + round);
    }
  }

  @Test
  void a_remembered_answer_is_what_is_shown_of_the_task() throws IOException {
    FinalTasks.Answer first =
        finals.keep("mine", ended("task-1", "{\"videos\":[]}"), finals.moment());
    FinalTasks.Answer again = finals.get("acme", "mine");

    assertNotNull(again);
    assertEquals("\"task-1-3\"", again.tag());
    assertEquals(first, again);
    JsonNode shown = new ObjectMapper().readTree(again.body());
    assertEquals("task-1", shown.path("task_id").asText());
    assertEquals("succeed", shown.path("status").asText());
    assertEquals("2026-03-01T10:00:00.000Z", shown.path("finished_at").asText());
    assertEquals("{\"videos\":[]}", shown.path("result").toString());
  }

  @Test
  void another_tenant_finds_nothing() {
    finals.keep("task-1", ended("task-1", "{}"), finals.moment());

    assertNull(finals.get("other", "task-1"));
  }

  @Test
  void a_long_result_is_answered_and_not_remembered() {
    String longResult = "{\"x\":\"" + "y".repeat(20_000) + "\"}";

    FinalTasks.Answer answer = finals.keep("task-1", ended("task-1", longResult), finals.moment());

    assertEquals(true, answer.body().length > 20_000);
    assertNull(finals.get("acme", "task-1"));
  }

  @Test
  void a_task_is_forgotten_when_it_is_removed_or_a_minute_has_passed() {
    asked(0, 3);
    finals.forget(Set.of("task-1"));
    assertNull(finals.get("acme", "task-1"));
    assertNotNull(finals.get("acme", "task-2"));

    clock.advance(Duration.ofSeconds(61));
    assertNull(finals.get("acme", "task-2"));

    asked(0, 3);
    finals.forget(Set.of());
    assertNull(finals.get("acme", "task-2"));
  }

  @Test
  void a_task_that_was_read_before_a_removal_is_not_remembered_after_it() {
    long moment = finals.moment();
    finals.forget(Set.of("task-1"));

    assertNotNull(finals.keep("task-1", ended("task-1", "{}"), moment));

    assertNull(finals.get("acme", "task-1"));
    finals.keep("task-2", ended("task-2", "{}"), finals.moment());
    assertNotNull(finals.get("acme", "task-2"));
  }
}
