package io.klingtracker.callback;

import io.klingtracker.task.GivenTask;
import io.klingtracker.task.Tasks;
import io.klingtracker.testing.Rows;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** Tasks that were sent to Kling, without a dispatcher. */
final class GivenTasks {

  private GivenTasks() {}

  static void tenant(Jdbi jdbi) {
    Rows.tenants(jdbi, "acme");
  }

  static String stored(Tasks tasks) {
    return GivenTask.of("acme").submit(tasks);
  }

  /** Sent, and not answered yet. */
  static String sent(Jdbi jdbi, Tasks tasks, Instant checkAt) {
    String taskId = stored(tasks);
    sent(jdbi, List.of(taskId), checkAt);
    return taskId;
  }

  /** The same of several that are stored. */
  static void sent(Jdbi jdbi, List<String> taskIds, Instant checkAt) {
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    with sent as (
                      update dispatch_queue set sent_at = due_at where task_id = any(:ids) returning task_id
                    )
                    insert into open_task (task_id, account, model, family, slots, next_check_at)
                    select task_id, 'default', 'kling-v3', 'video', 1, cast(:due as timestamptz) from sent
                    """)
                .bindArray("ids", String.class, taskIds)
                .bind("due", checkAt.toString())
                .execute());
  }
}
