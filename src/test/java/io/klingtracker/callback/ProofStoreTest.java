package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.GivenTask;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Instant;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** By which name Kling is asked about a task that had been given up. */
class ProofStoreTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);

  @BeforeEach
  void tenant() {
    GivenTasks.tenant(jdbi);
  }

  @Test
  void one_of_which_kling_keeps_no_id_of_ours_is_asked_for_by_the_callbacks() {
    assertEquals("true k1", asked(GivenTask.of("acme").unnamed().submit(tasks)));
  }

  @Test
  void any_other_is_asked_for_by_ours() {
    assertEquals("false k1", asked(GivenTasks.stored(tasks)));
  }

  /** Whether it goes by no id of ours, and the one that the callback named. */
  private String asked(String task) {
    jdbi.useHandle(
        h -> {
          h.execute("delete from dispatch_queue");
          h.execute(
              "update task set status = 'expired', previous_status = 'queued', sequence = 2, account = 'default' where id = ?",
              task);
        });
    PendingCallback callback =
        new PendingCallback(1, task, new byte[0], false, clock.instant(), 1, null);
    assertTrue(new ProofStore(jdbi, clock).prove(callback, TaskStatus.SUCCEED, "k1"));
    return text(jdbi, "select unnamed || ' ' || ask_id from open_task");
  }
}
