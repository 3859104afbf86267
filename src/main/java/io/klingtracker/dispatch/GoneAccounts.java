package io.klingtracker.dispatch;

import io.klingtracker.database.Columns;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;

/**
 * Ends tasks that wait for an account that is not configured any more: no other has what they name,
 * so they would wait for ever. Replicas of a deployment under way have different accounts, and an
 * operator may have left one out by mistake; so an account counts as gone once this replica has
 * been without it, and the task has waited for it, for {@link #GONE_AFTER}.
 */
@Singleton
class GoneAccounts {

  private static final Logger LOG = Logger.getLogger(GoneAccounts.class);

  /** Longer than a deployment takes, and time to notice a mistake in the configuration. */
  static final Duration GONE_AFTER = Duration.ofHours(1);

  /** Tasks that are ended in one pass. */
  static final int BATCH = 500;

  private static final String WAITING =
      """
      select q.task_id, q.pinned_to from dispatch_queue q join task t on t.id = q.task_id
      where q.sent_at is null and q.pinned_to is not null and q.pinned_to <> all(cast(:accounts as text[]))
        and t.created_at <= :before
      limit :limit
      """;

  private static final String GONE =
      "no such Kling account any more: %s, which has what the task names; "
          + TaskRequests.NOTHING_SENT;

  private final Jdbi jdbi;
  private final Tasks tasks;
  private final KlingConfig kling;
  private final Clock clock;
  private final Instant since;

  private record Waiting(String taskId, String account) {}

  @Inject
  GoneAccounts(Jdbi jdbi, Tasks tasks, KlingConfig kling, Clock clock) {
    this.jdbi = jdbi;
    this.tasks = tasks;
    this.kling = kling;
    this.clock = clock;
    this.since = clock.instant();
  }

  /**
   * One pass.
   *
   * @return whether there may be more
   */
  boolean run() {
    Instant before = clock.instant().minus(GONE_AFTER);
    if (before.isBefore(since)) {
      return false;
    }
    List<Waiting> waiting =
        jdbi.withHandle(
            handle ->
                Columns.of(handle.createQuery(WAITING), kling.accounts().keySet())
                    .texts("accounts", account -> account)
                    .rest()
                    .bind("before", before)
                    .bind("limit", BATCH)
                    .map(
                        (row, context) ->
                            new Waiting(row.getString("task_id"), row.getString("pinned_to")))
                    .list());
    for (Waiting one : waiting) {
      TaskSignal failed = new TaskSignal.Failed(null, GONE.formatted(one.account()));
      if (tasks.withdraw(one.taskId(), Source.DISPATCH, failed)) {
        LOG.warnf(
            "taskId=%s failed: account %s is configured no more", one.taskId(), one.account());
      }
    }
    return waiting.size() == BATCH;
  }
}
