package io.klingtracker.upstream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Which of Kling's tasks are whose creates, where Kling keeps no id of ours: as callbacks name
 * them, and as persons decide. Each is one task's; whoever comes first has it. See ADR 51.
 */
@Singleton
public class UnnamedIds {

  /** One at a time takes an id; nothing of tasks that Kling knows by our id. */
  private static final String LOCK =
      """
      select cast(pg_advisory_xact_lock(hashtextextended('kling-task-tracker/' || o.account || '/' || :named, 0)) as text)
      from open_task o where o.task_id = :task and o.unnamed
      """;

  private static final String OTHER =
      """
      select t.id from open_task o join task t on t.kling_task_id = :named and t.account = o.account and t.id <> o.task_id
      where o.task_id = :task
      union all
      select other.task_id from open_task o join open_task other on other.account = o.account
        and other.unnamed and other.ask_id = :named and other.task_id <> o.task_id
      where o.task_id = :task
      limit 1
      """;

  private static final String TAKE =
      "update open_task set ask_id = coalesce(ask_id, :named) where task_id = :task and unnamed";

  /** Neither asked for by that id any more, nor is the end to be proved that came with it. */
  private static final String FORGET =
      """
      update open_task set ask_id = null, proving = null, proofs = 0
      where task_id = :task and unnamed and ask_id = :named
      """;

  private final Jdbi jdbi;

  @Inject
  public UnnamedIds(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * From now on Kling is asked for the task by this id, if it is not known by another one.
   *
   * @param taskId of any task; of one that Kling knows by our id nothing changes
   * @param klingTaskId what it may be at Kling
   * @return the other task of the account that has this id
   */
  public Optional<String> take(String taskId, String klingTaskId) {
    return jdbi.inTransaction(
        handle -> {
          boolean unnamed =
              handle
                  .createQuery(LOCK)
                  .bind("task", taskId)
                  .bind("named", klingTaskId)
                  .mapTo(String.class)
                  .findFirst()
                  .isPresent();
          if (!unnamed) {
            return Optional.<String>empty();
          }
          Optional<String> other =
              handle
                  .createQuery(OTHER)
                  .bind("task", taskId)
                  .bind("named", klingTaskId)
                  .mapTo(String.class)
                  .findFirst();
          if (other.isEmpty()) {
            update(handle, TAKE, taskId, klingTaskId);
          }
          return other;
        });
  }

  /** It is another task's, or Kling's answer says that it is not what it was taken for. */
  public void forget(String taskId, String klingTaskId) {
    jdbi.useHandle(handle -> update(handle, FORGET, taskId, klingTaskId));
  }

  private static void update(Handle handle, String sql, String taskId, String klingTaskId) {
    handle.createUpdate(sql).bind("task", taskId).bind("named", klingTaskId).execute();
  }
}
