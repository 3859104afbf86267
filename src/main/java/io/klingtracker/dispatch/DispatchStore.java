package io.klingtracker.dispatch;

import io.klingtracker.dispatch.SlotPlan.Assigned;
import io.klingtracker.dispatch.SlotPlan.Candidate;
import io.klingtracker.dispatch.SlotPlan.SlotKey;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** The dispatch queue: claims with a lease, and what becomes of them. */
@Singleton
class DispatchStore {

  /**
   * Claims count slots, so one replica claims at a time; the lock ends with the short transaction.
   */
  private static final String ONE_AT_A_TIME =
      "select pg_advisory_xact_lock(hashtext('kling-task-tracker/claim'))";

  private static final String USED =
      """
      select account, upstream_model, family, sum(slots)::int as slots from open_task
      group by account, upstream_model, family
      """;

  private static final String WAITING =
      """
      select task_id, upstream_model, family, slots from dispatch_queue
      where sent_at is null and due_at <= :now and (claimed_until is null or claimed_until < :now)
        and (deadline_at is null or deadline_at > :now)
      order by priority desc, task_id
      limit :limit
      for update skip locked
      """;

  /**
   * sent_at is set before anything leaves: from here on a crash means that the create may have
   * arrived.
   */
  private static final String CLAIM =
      """
      with given as (
        select * from unnest(cast(:ids as text[]), cast(:accounts as text[])) as g(task_id, account)
      ),
      claimed as (
        update dispatch_queue q set claimed_until = cast(:until as timestamptz), claimed_by = :owner,
          attempts = q.attempts + 1, sent_at = cast(:now as timestamptz), reason = null
        from given g where q.task_id = g.task_id
        returning q.*, g.account
      ),
      held as (
        insert into open_task (task_id, account, upstream_model, family, slots, next_check_at)
        select task_id, account, upstream_model, family, slots, cast(:checkAt as timestamptz) from claimed
      )
      select c.task_id, t.kind, r.body, c.upstream_model, c.account, c.attempts, cast(null as timestamptz) as sent_before
      from claimed c join task t on t.id = c.task_id join task_request r on r.task_id = c.task_id
      order by c.task_id
      """;

  /** Creates that may have arrived and whose sender is gone, or whose next look is due. */
  private static final String CLAIM_UNKNOWN =
      """
      with due as (
        select task_id from dispatch_queue
        where sent_at is not null and due_at <= :now and (claimed_until is null or claimed_until < :now)
        order by due_at limit :limit
        for update skip locked
      ),
      claimed as (
        update dispatch_queue q set claimed_until = cast(:until as timestamptz), claimed_by = :owner,
          attempts = q.attempts + 1
        from due d where q.task_id = d.task_id
        returning q.*
      )
      select c.task_id, t.kind, r.body, c.upstream_model, o.account, c.attempts, c.sent_at as sent_before
      from claimed c join task t on t.id = c.task_id join task_request r on r.task_id = c.task_id
        join open_task o on o.task_id = c.task_id
      """;

  private static final String RENEW =
      """
      update dispatch_queue set claimed_until = :until where claimed_by = :owner and task_id = any(:ids)
      """;

  /** Proved not to have arrived: gives the slot back and waits. */
  private static final String RELEASE =
      """
      with released as (
        update dispatch_queue set claimed_until = null, claimed_by = null, sent_at = null, due_at = :due, reason = :reason
        where task_id = :id and claimed_by = :owner and attempts = :attempts
        returning task_id
      )
      delete from open_task o using released r where o.task_id = r.task_id
      """;

  /** May have arrived: keeps the slot and looks again later. */
  private static final String KEEP =
      """
      update dispatch_queue set claimed_until = null, claimed_by = null, due_at = :due, reason = :reason
      where task_id = :id and claimed_by = :owner and attempts = :attempts
      """;

  /** Proved not to have arrived, and to be sent again under the same claim. */
  private static final String RESEND =
      """
      update dispatch_queue set sent_at = :now, reason = null
      where task_id = :id and claimed_by = :owner and attempts = :attempts
      """;

  private static final String LATE =
      """
      select task_id from dispatch_queue
      where sent_at is null and deadline_at <= :now and (claimed_until is null or claimed_until < :now)
      limit :limit
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private final Duration lease;
  private final String owner = UUID.randomUUID().toString();

  @Inject
  DispatchStore(Jdbi jdbi, Clock clock, DispatchConfig config) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.lease = config.lease();
  }

  /**
   * Claims tasks that no create has been sent for, and takes a slot for each.
   *
   * @param limits slots per model of each account in use
   * @param checkAt when the reconciler asks if the dispatcher forgets them
   */
  List<Claim> claim(Map<String, Integer> limits, int limit, Instant checkAt) {
    return jdbi.inTransaction(
        handle -> {
          handle.execute(ONE_AT_A_TIME);
          Instant now = clock.instant();
          List<Candidate> waiting =
              handle
                  .createQuery(WAITING)
                  .bind("now", now)
                  .bind("limit", limit)
                  .map(
                      (row, context) ->
                          new Candidate(
                              row.getString("task_id"),
                              row.getString("upstream_model"),
                              row.getString("family"),
                              row.getInt("slots")))
                  .list();
          List<Assigned> assigned =
              waiting.isEmpty() ? List.of() : new SlotPlan(limits, used(handle)).assign(waiting);
          if (assigned.isEmpty()) {
            return List.of();
          }
          return handle
              .createQuery(CLAIM)
              .bindArray("ids", String.class, assigned.stream().map(Assigned::taskId).toList())
              .bindArray(
                  "accounts", String.class, assigned.stream().map(Assigned::account).toList())
              .bind("owner", owner)
              .bind("now", now)
              .bind("until", now.plus(lease))
              .bind("checkAt", checkAt)
              .map((row, context) -> claim(row))
              .list();
        });
  }

  /** Claims creates that may have arrived. */
  List<Claim> claimUnknown(int limit) {
    Instant now = clock.instant();
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CLAIM_UNKNOWN)
                .bind("now", now)
                .bind("until", now.plus(lease))
                .bind("owner", owner)
                .bind("limit", limit)
                .map((row, context) -> claim(row))
                .list());
  }

  /** Says that this replica still works on its claims. */
  void renew(Collection<String> taskIds) {
    if (!taskIds.isEmpty()) {
      jdbi.useHandle(
          handle ->
              handle
                  .createUpdate(RENEW)
                  .bind("until", clock.instant().plus(lease))
                  .bind("owner", owner)
                  .bindArray("ids", String.class, List.copyOf(taskIds))
                  .execute());
    }
  }

  /** See {@link #RELEASE}. */
  void release(Claim claim, Instant due, String reason) {
    settle(RELEASE, claim, due, reason);
  }

  /** See {@link #KEEP}. */
  void keep(Claim claim, Instant due, String reason) {
    settle(KEEP, claim, due, reason);
  }

  /** See {@link #RESEND}; false when the lease was lost meanwhile. */
  boolean resend(Claim claim) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(RESEND)
                    .bind("id", claim.taskId())
                    .bind("owner", owner)
                    .bind("attempts", claim.attempts())
                    .bind("now", clock.instant())
                    .execute())
        == 1;
  }

  /** Tasks whose deadline passed before anything was sent. */
  List<String> late(int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LATE)
                .bind("now", clock.instant())
                .bind("limit", limit)
                .mapTo(String.class)
                .list());
  }

  private void settle(String statement, Claim claim, Instant due, String reason) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(statement)
                .bind("id", claim.taskId())
                .bind("owner", owner)
                .bind("attempts", claim.attempts())
                .bind("due", due)
                .bind("reason", reason)
                .execute());
  }

  private static Map<SlotKey, Integer> used(Handle handle) {
    Map<SlotKey, Integer> used = new HashMap<>();
    handle
        .createQuery(USED)
        .map(
            (row, context) ->
                used.put(
                    new SlotKey(
                        row.getString("account"),
                        row.getString("upstream_model"),
                        row.getString("family")),
                    row.getInt("slots")))
        .list();
    return used;
  }

  private static Claim claim(ResultSet row) throws SQLException {
    return new Claim(
        row.getString("task_id"),
        row.getString("kind"),
        row.getString("body"),
        row.getString("upstream_model"),
        row.getString("account"),
        row.getInt("attempts"),
        instant(row.getTimestamp("sent_before")));
  }

  private static @Nullable Instant instant(@Nullable Timestamp time) {
    return time == null ? null : time.toInstant();
  }
}
