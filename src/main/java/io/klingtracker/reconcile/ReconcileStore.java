package io.klingtracker.reconcile;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.Doubts.Doubt;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/** The tasks that Kling is asked about, each claimed by one replica. */
@Singleton
class ReconcileStore {

  /**
   * Ours that are claimed and not being asked about are from a round that failed, as when the
   * database was away: they are free again.
   */
  private static final String FREE =
      """
      o.next_check_at <= :now and (o.claimed_until is null or o.claimed_until < :now
        or :failed and o.claimed_by = :owner and not exists (
          select from unnest(cast(:asking as text[])) as a(task_id) where a.task_id = o.task_id))
      """;

  /** Since when each tenant has something due, whatever else it has. */
  private static final String WAITING =
      """
      recursive waiting as (
        (select tenant_id, next_check_at from open_task order by tenant_id, next_check_at limit 1)
        union all
        select n.tenant_id, n.next_check_at from waiting w cross join lateral (
          select o.tenant_id, o.next_check_at from open_task o where o.tenant_id > w.tenant_id
          order by o.tenant_id, o.next_check_at limit 1) n
      )\
      """;

  private static final String CLAIMED =
      """
      claimed as (
        update open_task o set claimed_until = cast(:until as timestamptz), claimed_by = :owner, checks = o.checks + 1
        from due d where o.task_id = d.task_id
        returning o.*
      )
      select c.task_id, t.tenant_id, t.kind, t.upstream_model, c.account, t.tracked, c.ask_id,
        -- What Kling keeps no id of ours of is asked for by the id that a callback named.
        coalesce(t.kling_task_id, case when c.unnamed then c.ask_id end) as kling_task_id,
        t.kling_task_id is not null as id_stored,
        t.status::text as status, c.proving::text as proving, c.proofs, c.lead_millis,
        coalesce(t.dispatched_at, q.sent_at, t.created_at) as started_at,
        greatest(t.updated_at, q.sent_at) as updated_at, c.checks,
        exists (select from set_aside a where a.kind = 'check' and a.key = c.task_id) as aside,
        q.sent_at, q.doubt, q.lost, q.claimed_by is not null as under_way, encode(q.prompt_hash, 'hex') as prompt_hash
      from claimed c join task t on t.id = c.task_id
        left join dispatch_queue q on q.task_id = c.task_id and q.sent_at is not null
      """;

  private static final String CLAIM =
      "with "
          + WAITING
          + """
          ,
          tenant_room as materialized (
            -- As many as are left free: one alone has half of all, two have a third each.
            select w.tenant_id, (:limit - coalesce(a.n, 0) + 1) / 2 as room
            from waiting w left join unnest(cast(:tenants as text[]), cast(:counts as int[])) as a(tenant_id, n)
              on a.tenant_id = w.tenant_id
            where w.next_check_at <= :now and coalesce(a.n, 0) < :limit
          ),
          found as materialized (
            select d.task_id from tenant_room r cross join lateral (
              select o.task_id, o.next_check_at, row_number() over (order by o.next_check_at) as turn from open_task o
              where o.tenant_id = r.tenant_id and %1$s
              order by o.next_check_at limit r.room) d
            order by d.turn, d.next_check_at limit :limit
          ),
          due as (
            select o.task_id from found f join open_task o on o.task_id = f.task_id where %1$s for update of o skip locked
          ),
          """
              .formatted(FREE)
          + CLAIMED;

  private static final String CLAIM_ONLY =
      """
      with due as (
        select o.task_id from open_task o where o.task_id = any(:only) and %s for update skip locked
      ),
      """
              .formatted(FREE)
          + CLAIMED;

  /** One that cannot be claimed and is set aside would be here for ever. */
  private static final String DUE =
      """
      select task_id from open_task o
      where %s and not exists (select from set_aside a where a.kind = 'check' and a.key = o.task_id)
      order by next_check_at limit :limit
      """
          .formatted(FREE);

  /**
   * Not asked about any more; it is looked at again when it is to expire. What is in doubt for so
   * long holds no slot.
   */
  private static final String SET_ASIDE =
      """
      update open_task o set claimed_until = null, claimed_by = null, next_check_at = :due,
        slots = case when exists (select from dispatch_queue q where q.task_id = o.task_id and q.sent_at <= :slotUntil)
          then 0 else o.slots end
      where o.task_id = :id
      """;

  private static final String PUT_BACK =
      "update open_task set next_check_at = :now where task_id = :id";

  /** One that is due anyway keeps its time, and with it its place. */
  private static final String HASTEN =
      "update open_task set next_check_at = least(next_check_at, cast(:now as timestamptz)) where task_id = :id";

  private static final String OLDEST =
      "with "
          + WAITING
          + " select next_check_at from waiting where next_check_at <= :now order by next_check_at limit 1";

  /** The plan may have been moved up while we asked; then it stays moved up. */
  private static final String RESCHEDULE =
      """
      with given as (
        select * from unnest(cast(:ids as text[]), cast(:checks as int[]), cast(:due as timestamptz[]),
          cast(:proving as task_status[]), cast(:proofs as int[]), cast(:unasked as int[]))
          as g(task_id, checks, due, proving, proofs, unasked)
      )
      update open_task o set claimed_until = null, claimed_by = null,
        checks = case when o.checks = g.checks then g.checks - g.unasked else o.checks end,
        next_check_at = case when o.checks = g.checks then g.due else o.next_check_at end,
        proving = case when o.checks = g.checks then g.proving else o.proving end,
        proofs = case when o.checks = g.checks then g.proofs else o.proofs end
      from given g
      where o.task_id = g.task_id and o.claimed_by = :owner
      returning o.task_id, o.next_check_at <= :now as due
      """;

  /**
   * Of tracked tasks those about which Kling named a task that another tenant has: submitted with
   * us, or tracked earlier.
   */
  private static final String OTHERS =
      """
      with given as (
        select * from unnest(cast(:ids as text[]), cast(:klingIds as text[]), cast(:externalIds as text[]))
          as g(task_id, kling_id, external_id)
      )
      select t.id from given g join task t on t.id = g.task_id
      where exists (select from tracked_id i where i.account = t.account and i.id in (g.kling_id, g.external_id)
          and i.tenant_id <> t.tenant_id)
        or exists (select from task o where o.kling_task_id = g.kling_id and o.account = t.account
          and o.tenant_id <> t.tenant_id
          and (o.id < t.id or not o.tracked))
      """;

  private static final String KNOWN =
      """
      select g.id from unnest(cast(:ids as text[])) as g(id)
      where exists (select from task t where t.kling_task_id = g.id and t.account = :account)
        or exists (select from tracked_id i where i.account = :account and i.id = g.id)
      """;

  private static final String UNNAMED =
      """
      select q.sent_at, t.upstream_model, encode(q.prompt_hash, 'hex') as prompt_hash
      from dispatch_queue q join open_task o on o.task_id = q.task_id join task t on t.id = q.task_id
      where q.prompt_hash is not null and q.sent_at is not null and q.sent_at >= cast(:from as timestamptz)
        and o.account = :account
      """;

  private static final String GIVE_UP =
      "delete from open_task where task_id = :id and claimed_by = :owner and checks = :checks";

  private final Jdbi jdbi;
  private final Clock clock;
  private final String owner;

  @Inject
  ReconcileStore(Jdbi jdbi, Clock clock, ReplicaId me) {
    this.jdbi = jdbi;
    this.owner = me.id();
    this.clock = clock;
  }

  /**
   * Claims tasks that are due, of each tenant with some no more than as many as are left free.
   *
   * @param asking those that this replica is asking about just now, each with its tenant
   * @param failed whether those of a round of ours that failed are among them
   */
  List<Check> claim(Map<String, String> asking, boolean failed, int limit) {
    Map<String, Integer> counts = new HashMap<>();
    asking.values().forEach(tenant -> counts.merge(tenant, 1, Integer::sum));
    Instant now = clock.instant();
    return jdbi.withHandle(
        handle ->
            Columns.of(due(handle, CLAIM, asking.keySet(), failed, now), counts.entrySet())
                .texts("tenants", Map.Entry::getKey)
                .ints("counts", Map.Entry::getValue)
                .rest()
                .bind("limit", limit)
                .bind("until", now.plus(Presence.CLAIM))
                .map((row, context) -> check(row, now))
                .list());
  }

  /**
   * How many more of a tenant may be claimed, as {@link #CLAIM} reckons.
   *
   * @param asked how many of it are asked about already
   */
  static int roomOf(int asked, int limit) {
    return Math.max(0, (limit - asked + 1) / 2);
  }

  /** Which are due and not set aside; see {@link #claim}. */
  List<String> due(Collection<String> asking, boolean failed, int limit) {
    return jdbi.withHandle(
        handle ->
            due(handle, DUE, asking, failed, clock.instant())
                .bind("limit", limit)
                .mapTo(String.class)
                .list());
  }

  /** Claims some of those. */
  List<Check> claimOnly(Collection<String> asking, boolean failed, List<String> only) {
    Instant now = clock.instant();
    return jdbi.withHandle(
        handle ->
            Columns.of(due(handle, CLAIM_ONLY, asking, failed, now), only)
                .texts("only", id -> id)
                .rest()
                .bind("until", now.plus(Presence.CLAIM))
                .map((row, context) -> check(row, now))
                .list());
  }

  private Query due(
      Handle handle, String statement, Collection<String> asking, boolean failed, Instant now) {
    return Columns.of(handle.createQuery(statement), asking)
        .texts("asking", id -> id)
        .rest()
        .bind("now", now)
        .bind("owner", owner)
        .bind("failed", failed);
  }

  /** Takes a task out of the queue of questions; it is looked at again at the given time. */
  void setAside(Handle handle, String taskId, Instant due) {
    handle
        .createUpdate(SET_ASIDE)
        .bind("id", taskId)
        .bind("due", due)
        .bind("slotUntil", clock.instant().minus(Doubts.HOLDS_SLOT))
        .execute();
  }

  /** See {@link #setAside}; nothing happens when the task has ended. */
  void putBack(Handle handle, String taskId, Instant now) {
    handle.createUpdate(PUT_BACK).bind("id", taskId).bind("now", now).execute();
  }

  /** Has a task asked about at once; false when none that may be at Kling has this id. */
  boolean hasten(String taskId, Instant now) {
    return jdbi.withHandle(
            handle -> handle.createUpdate(HASTEN).bind("id", taskId).bind("now", now).execute())
        > 0;
  }

  /** Since when the oldest question is due. */
  Optional<Instant> oldest() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OLDEST)
                .bind("now", clock.instant())
                .map((row, context) -> Rows.instant(row, "next_check_at"))
                .findOne());
  }

  /** Ids of the tracked tasks to which another tenant's task was taken; see {@link #OTHERS}. */
  Set<String> othersTasks(List<AnswerMatcher.Match> tracked) {
    Set<String> others =
        new HashSet<>(
            jdbi.withHandle(
                handle ->
                    Columns.of(handle.createQuery(OTHERS), tracked)
                        .texts("ids", match -> match.check().taskId())
                        .texts("klingIds", match -> match.news().klingTaskId())
                        .texts("externalIds", match -> match.news().externalTaskId())
                        .rest()
                        .mapTo(String.class)
                        .list()));
    for (AnswerMatcher.Match match : tracked) {
      String external = match.news().externalTaskId();
      // What we submit goes to Kling under our own ids, whoever submitted it and however long ago.
      if (external != null && TaskId.isTaskId(external)) {
        others.add(match.check().taskId());
      }
    }
    return others;
  }

  /**
   * A create without an id of ours that nobody knows the end of.
   *
   * @param promptHash as {@link Doubt#promptHash}
   */
  record Unnamed(Instant sentAt, @Nullable String model, String promptHash) {}

  /** Which of Kling's ids are tasks of ours, or such as we track. */
  Set<String> known(String account, List<String> klingIds) {
    return jdbi.withHandle(
        handle ->
            Set.copyOf(
                Columns.of(handle.createQuery(KNOWN), klingIds)
                    .texts("ids", id -> id)
                    .rest()
                    .bind("account", account)
                    .mapTo(String.class)
                    .set()));
  }

  /** Creates without an id of ours that were sent since then and are unanswered or in doubt. */
  List<Unnamed> unnamed(String account, Instant from) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(UNNAMED)
                .bind("account", account)
                .bind("from", from)
                .map(
                    (row, context) ->
                        new Unnamed(
                            Rows.instant(row, "sent_at"),
                            row.getString("upstream_model"),
                            row.getString("prompt_hash")))
                .list());
  }

  /**
   * See {@link #RESCHEDULE}.
   *
   * @return the tasks that are due at once, since asking was requested again meanwhile
   */
  List<String> reschedule(List<Reschedule> rescheduled) {
    if (rescheduled.isEmpty()) {
      return List.of();
    }
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createQuery(RESCHEDULE), rescheduled)
                .texts("ids", plan -> plan.check().taskId())
                .ints("checks", plan -> plan.check().checks())
                .written("due", Reschedule::due)
                .texts("proving", ReconcileStore::claimed)
                .ints("proofs", Reschedule::proofs)
                .ints("unasked", plan -> plan.unasked() ? 1 : 0)
                .rest()
                .bind("owner", owner)
                .bind("now", clock.instant())
                .map((row, context) -> row.getBoolean("due") ? row.getString("task_id") : "")
                .filter(taskId -> !taskId.isEmpty())
                .list());
  }

  private static @Nullable String claimed(Reschedule reschedule) {
    TaskStatus proving = reschedule.check().proving();
    return reschedule.proving() && proving != null ? proving.wireName() : null;
  }

  /** Nobody will ask about this task again, unless something was received about it meanwhile. */
  void giveUp(Check check) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(GIVE_UP)
                .bind("id", check.taskId())
                .bind("owner", owner)
                .bind("checks", check.checks())
                .execute());
  }

  private static Check check(ResultSet row, Instant now) throws SQLException {
    String proving = row.getString("proving");
    return new Check(
        new UpstreamRef(
            row.getString("task_id"),
            row.getString("kind"),
            row.getString("upstream_model"),
            row.getString("account")),
        row.getString("tenant_id"),
        row.getString("kling_task_id"),
        row.getBoolean("id_stored"),
        row.getBoolean("tracked"),
        row.getString("ask_id"),
        TaskStatus.of(row.getString("status")),
        proving == null ? null : TaskStatus.of(proving),
        row.getInt("proofs"),
        row.getObject("lead_millis", Long.class),
        Rows.instant(row, "started_at"),
        Rows.instant(row, "updated_at"),
        row.getInt("checks"),
        row.getBoolean("aside"),
        doubt(row),
        now);
  }

  private static @Nullable Doubt doubt(ResultSet row) throws SQLException {
    Instant sentAt = Rows.instantOrNull(row, "sent_at");
    String cause = row.getString("doubt");
    return sentAt == null
        ? null
        : new Doubt(
            sentAt,
            cause == null ? null : Doubts.Cause.of(cause),
            row.getInt("lost"),
            row.getBoolean("under_way"),
            row.getString("prompt_hash"));
  }
}
