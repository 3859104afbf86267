package io.klingtracker.reconcile;

import io.klingtracker.task.TaskStatus;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/** The tasks that Kling is asked about, claimed with a lease. */
@Singleton
class ReconcileStore {

  private static final String CLAIM =
      """
      with due as (
        select task_id from open_task
        where next_check_at <= :now and (claimed_until is null or claimed_until < :now)
        order by next_check_at limit :limit
        for update skip locked
      ),
      claimed as (
        update open_task o set claimed_until = cast(:until as timestamptz), claimed_by = :owner, checks = o.checks + 1
        from due d where o.task_id = d.task_id
        returning o.*
      )
      select c.task_id, t.kind, c.account, t.kling_task_id, t.status::text as status, t.created_at, c.checks
      from claimed c join task t on t.id = c.task_id
      """;

  /** The plan may have been moved up while we asked; then it stays moved up. */
  private static final String LATER =
      """
      update open_task set claimed_until = null, claimed_by = null,
        next_check_at = case when checks = :checks then cast(:due as timestamptz) else next_check_at end
      where task_id = :id and claimed_by = :owner
      """;

  private static final String GIVE_UP =
      "delete from open_task where task_id = :id and claimed_by = :owner";

  private final Jdbi jdbi;
  private final Clock clock;
  private final Duration lease;
  private final String owner = UUID.randomUUID().toString();

  @Inject
  ReconcileStore(Jdbi jdbi, Clock clock, ReconcileConfig config) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.lease = config.lease();
  }

  List<Check> claim(int limit) {
    Instant now = clock.instant();
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("now", now)
                .bind("until", now.plus(lease))
                .bind("owner", owner)
                .bind("limit", limit)
                .map(
                    (row, context) ->
                        new Check(
                            row.getString("task_id"),
                            row.getString("kind"),
                            row.getString("account"),
                            row.getString("kling_task_id"),
                            TaskStatus.of(row.getString("status")),
                            row.getTimestamp("created_at").toInstant(),
                            row.getInt("checks")))
                .list());
  }

  /** See {@link #LATER}. */
  void later(Check check, Instant due) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(LATER)
                .bind("id", check.taskId())
                .bind("owner", owner)
                .bind("checks", check.checks())
                .bind("due", due)
                .execute());
  }

  /** Nobody will ask about this task again. */
  void giveUp(Check check) {
    jdbi.useHandle(
        handle ->
            handle.createUpdate(GIVE_UP).bind("id", check.taskId()).bind("owner", owner).execute());
  }
}
