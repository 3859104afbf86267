package io.klingtracker.dispatch;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.dispatch.SlotPlan.Assigned;
import io.klingtracker.dispatch.SlotPlan.Plan;
import io.klingtracker.dispatch.SlotPlan.TenantQueue;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.ClaimToken;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.upstream.Doubts;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;

/** The dispatch queue: claims, and what becomes of them. */
@Singleton
class DispatchStore {

  /**
   * sent_at is set before anything leaves: from here on a crash means that the create may have
   * arrived. Whoever canceled the task meanwhile took the row away. The turns move on with it.
   */
  private static final String CLAIM =
      """
      with given as (
        select * from unnest(cast(:ids as text[]), cast(:accounts as text[])) with ordinality
          as g(task_id, account, place)
      ),
      claimed as (
        update dispatch_queue q set claimed_by = :owner, due_at = cast(:answered as timestamptz),
          attempts = q.attempts + 1, sent_at = cast(:now as timestamptz), reason = null, prompt_hash = null
        from given g where q.task_id = g.task_id and q.sent_at is null
        returning q.*, g.account, g.place
      ),
      held as (
        insert into open_task (task_id, tenant_id, account, model, family, slots, next_check_at)
        -- Once the answer should be here: whatever becomes of its sender, Kling is asked about it.
        select task_id, tenant_id, account, model, family, slots, cast(:answered as timestamptz)
        from claimed
      ),
      moved as (
        insert into dispatch_turn (family, model, tenant_id, turn)
        select * from unnest(cast(:families as text[]), cast(:models as text[]), cast(:tenants as text[]),
          cast(:turns as float8[]))
        on conflict (family, model, tenant_id) do update set turn = greatest(dispatch_turn.turn, excluded.turn)
      )
      select c.task_id, t.kind, r.body, octet_length(r.body) as bytes, t.upstream_model, c.model, c.family, c.slots,
        c.account, c.attempts, c.sent_at, c.deadline_at, t.unnamed
      from claimed c join task t on t.id = c.task_id join task_request r on r.task_id = c.task_id
      order by c.place
      """;

  /** Nobody awaits their answers any more: whether Kling has them is asked at once. */
  private static final String FREE =
      """
      with freed as (
        update dispatch_queue c set claimed_by = null where %s returning task_id
      )
      update open_task o set next_check_at = least(o.next_check_at, cast(:now as timestamptz)), checks = 0
      from freed f where o.task_id = f.task_id
      """;

  private static final String FREE_DEAD = FREE.formatted(ReplicaId.GONE);

  private static final String LET_GO =
      FREE.formatted("c.claimed_by = :owner and c.task_id <> all(cast(:held as text[]))");

  /** Proved not to have arrived: gives the slot back and waits. */
  private static final String RELEASE =
      """
      with released as (
        update dispatch_queue set claimed_by = null, sent_at = null, due_at = :due, reason = :reason
        where task_id = :id and claimed_by = :owner and attempts = :attempts
        returning task_id
      )
      delete from open_task o using released r where o.task_id = r.task_id
      """;

  private static final String TURNED_AWAY =
      """
      update dispatch_queue set turned_away = turned_away + 1
      where task_id = :id and claimed_by = :owner and attempts = :attempts
      returning turned_away
      """;

  /** The task's row is locked first, as everywhere. */
  private static final String UNNAMED =
      """
      with alone as (
        select id from task where id = :id for no key update
      ),
      noted as (
        update dispatch_queue q set prompt_hash = decode(:hash, 'hex')
        from alone a
        where q.task_id = a.id and q.claimed_by = :owner and q.attempts = :attempts
        returning q.task_id
      ),
      marked as (
        update task t set unnamed = true from noted n where t.id = n.task_id and t.unnamed is not true
      )
      update open_task o set unnamed = true from noted n where o.task_id = n.task_id
      """;

  static final String LATE =
      """
      select task_id from dispatch_queue where sent_at is null and deadline_at <= :now order by deadline_at limit :limit
      """;

  private static final String NOT_ASIDE =
      """
      select id from unnest(cast(:ids as text[])) as d(id)
      where not exists (select from set_aside a where a.kind = 'dispatch' and a.key = d.id)
      """;

  private static final String LOCK_UNSENT =
      "select task_id from dispatch_queue where task_id = :id and sent_at is null for update";

  private static final String SET_ASIDE =
      "update dispatch_queue set due_at = :never, claimed_by = null where task_id = :id and sent_at is null";

  /** The attempts continue: they name the claims, and an answer may be under way to an old one. */
  private static final String PUT_BACK =
      "update dispatch_queue set due_at = :now, lost = 0 where task_id = :id and sent_at is null";

  /** The oldest that waits, whatever for. */
  private static final String OLDEST =
      """
      select t.created_at from dispatch_queue q join task t on t.id = q.task_id
      where q.due_at < :never order by q.task_id limit 1
      """;

  /** The answer to a create should be here by then; if it is not, Kling is asked. */
  private static final Duration ANSWERED = Duration.ofSeconds(15);

  private final Jdbi jdbi;
  private final FairQueue queue;
  private final PoolStore pools;
  private final Clock clock;
  private final BodyRoom bodies;
  private final String owner;

  @Inject
  DispatchStore(
      Jdbi jdbi, FairQueue queue, PoolStore pools, Clock clock, BodyRoom bodies, ReplicaId me) {
    this.jdbi = jdbi;
    this.queue = queue;
    this.owner = me.id();
    this.pools = pools;
    this.clock = clock;
    this.bodies = bodies;
  }

  /**
   * Claims tasks that no create has been sent for, and takes a slot for each. Claims count slots
   * and turns, so one replica claims at a time; the lock ends with the short transaction.
   *
   * @param judge makes of what Kling did to the pools who may take how much
   * @param room at most so many
   */
  List<Claim> claim(Function<PoolStore.Snapshot, Capacity> judge, int room) {
    // Without the lock: nothing waits most of the time.
    List<TenantQueue> seen = queue.next();
    if (seen.isEmpty() || room <= 0) {
      return List.of();
    }
    return pools.exclusively(handle -> claim(handle, queue.plan(handle, seen, judge, room, null)));
  }

  /** Which tasks {@link #claim} would take, but for those that are set aside. */
  List<String> due(Function<PoolStore.Snapshot, Capacity> judge, int room) {
    List<TenantQueue> seen = queue.all();
    List<String> due =
        pools.exclusively(
            handle ->
                queue.plan(handle, seen, judge, room, null).plan().assigned().stream()
                    .map(Assigned::taskId)
                    .toList());
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createQuery(NOT_ASIDE), due)
                .texts("ids", id -> id)
                .rest()
                .mapTo(String.class)
                .list());
  }

  /** Claims some of those. */
  List<Claim> claim(Function<PoolStore.Snapshot, Capacity> judge, List<String> only) {
    List<TenantQueue> seen = queue.all();
    return pools.exclusively(
        handle ->
            claim(handle, queue.plan(handle, seen, judge, Dispatcher.BATCH, Set.copyOf(only))));
  }

  private List<Claim> claim(Handle handle, FairQueue.Planned planned) {
    bodies.chosen(planned.bodies());
    if (planned.plan().assigned().isEmpty()) {
      return List.of();
    }
    pools.claimed(handle, planned.capacity());
    return take(handle, planned);
  }

  private List<Claim> take(Handle handle, FairQueue.Planned planned) {
    Instant now = clock.instant();
    Plan plan = planned.plan();
    List<Assigned> assigned = plan.assigned();
    Query statement =
        Columns.of(handle.createQuery(CLAIM), assigned)
            .texts("ids", Assigned::taskId)
            .texts("accounts", Assigned::account)
            .rest();
    return Columns.of(statement, plan.turns().entrySet())
        .texts("families", turn -> turn.getKey().model().family())
        .texts("models", turn -> turn.getKey().model().model())
        .texts("tenants", turn -> turn.getKey().tenant())
        .written("turns", Map.Entry::getValue)
        .rest()
        .bind("owner", owner)
        .bind("now", now)
        .bind("answered", now.plus(ANSWERED))
        .map((row, context) -> claim(row, planned.capacity()))
        .list();
  }

  /** Keeps others from claiming it; false when one has, or when it has ended. */
  boolean lockUnsent(Handle handle, String taskId) {
    return handle
        .createQuery(LOCK_UNSENT)
        .bind("id", taskId)
        .mapTo(String.class)
        .findOne()
        .isPresent();
  }

  /** Due for nobody until somebody has it tried again; nothing changes when it was sent. */
  void setAside(Handle handle, String taskId) {
    handle.createUpdate(SET_ASIDE).bind("id", taskId).bind("never", SetAside.NEVER).execute();
  }

  /** See {@link #setAside}. */
  void putBack(Handle handle, String taskId, Instant now) {
    handle.createUpdate(PUT_BACK).bind("id", taskId).bind("now", now).execute();
  }

  /** When the oldest was stored that waits. */
  Optional<Instant> oldest() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OLDEST)
                .bind("never", SetAside.NEVER)
                .map((row, context) -> Rows.instant(row, "created_at"))
                .findOne());
  }

  /**
   * Frees claims of ours that nobody works on: a claim's answer, or a settlement, was lost. Kling
   * is asked about their creates.
   *
   * @param held ids of the tasks on which somebody works
   * @return how many
   */
  int letGo(Collection<String> held) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createUpdate(LET_GO), held)
                .texts("held", id -> id)
                .rest()
                .bind("owner", owner)
                .bind("now", clock.instant())
                .execute());
  }

  /** Frees the claims of dead replicas; how many. */
  int freeDead(Handle handle) {
    return handle.createUpdate(FREE_DEAD).bind("now", clock.instant()).execute();
  }

  /** See {@link #RELEASE}; false when the claim was lost meanwhile. */
  boolean release(Claim claim, Instant due, String reason) {
    // The row count is that of the slots given back, one a claim.
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(RELEASE)
                    .bind("id", claim.taskId())
                    .bind("owner", claim.held().owner())
                    .bind("attempts", claim.held().attempts())
                    .bind("due", due)
                    .bind("reason", reason.replace('\0', '\ufffd'))
                    .execute())
        == 1;
  }

  /**
   * Counts that a create was turned away before Kling.
   *
   * @return how often that happened to this task, this time included; 0 when the claim was lost
   *     meanwhile
   */
  int turnedAway(Claim claim) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(TURNED_AWAY)
                .bind("id", claim.taskId())
                .bind("owner", claim.held().owner())
                .bind("attempts", claim.held().attempts())
                .mapTo(Integer.class)
                .findOne()
                .orElse(0));
  }

  /**
   * Notes that a create is about to leave without an id of ours.
   *
   * @param promptHash as {@link Doubts.Doubt#promptHash}
   * @throws IllegalStateException when the claim was lost meanwhile
   */
  void unnamed(Claim claim, String promptHash) {
    int noted =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(UNNAMED)
                    .bind("id", claim.taskId())
                    .bind("owner", claim.held().owner())
                    .bind("attempts", claim.held().attempts())
                    .bind("hash", promptHash)
                    .execute());
    if (noted == 0) {
      throw new IllegalStateException("its claim is lost");
    }
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

  private Claim claim(ResultSet row, Capacity capacity) throws SQLException {
    SlotPool pool =
        new SlotPool(row.getString("account"), row.getString("family"), row.getString("model"));
    return new Claim(
        new UpstreamRef(
            row.getString("task_id"),
            row.getString("kind"),
            row.getString("upstream_model"),
            pool.account()),
        row.getString("body"),
        row.getInt("bytes"),
        pool.model(),
        pool.family(),
        row.getInt("slots"),
        new ClaimToken(owner, row.getInt("attempts")),
        capacity.state(pool).epoch(),
        Rows.instant(row, "sent_at"),
        Rows.instantOrNull(row, "deadline_at"),
        row.getBoolean("unnamed"));
  }
}
