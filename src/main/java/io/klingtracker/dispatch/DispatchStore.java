package io.klingtracker.dispatch;

import io.klingtracker.dispatch.SlotPlan.Assigned;
import io.klingtracker.dispatch.SlotPlan.Candidate;
import io.klingtracker.dispatch.SlotPlan.Model;
import io.klingtracker.dispatch.SlotPlan.Plan;
import io.klingtracker.dispatch.SlotPlan.TenantQueue;
import io.klingtracker.dispatch.SlotPlan.Turn;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.ClaimToken;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** The dispatch queue: claims, and what becomes of them. */
@Singleton
class DispatchStore {

  /**
   * Hops from one tenant's queue for one model to the next: as many index probes as there are
   * queues, however long they are.
   */
  static final String QUEUES =
      """
      with recursive queue as (
        (select tenant_id, family, model from dispatch_queue
         where sent_at is null and (tenant_id, family, model) > (:tenant, :family, :model)
         order by tenant_id, family, model limit 1)
        union all
        select n.* from queue l cross join lateral (
          select q.tenant_id, q.family, q.model from dispatch_queue q
          where q.sent_at is null and (q.tenant_id, q.family, q.model) > (l.tenant_id, l.family, l.model)
          order by q.tenant_id, q.family, q.model limit 1) n
      ),
      found as (select * from queue limit :limit)
      -- A suspended tenant's tasks wait in their queue and take no share.
      select s.tenant_id, s.family, s.model, case when t.suspended_at is null then t.weight else 0 end as weight,
        coalesce(d.turn, 0) as turn
      from found s join tenant t on t.id = s.tenant_id
        left join dispatch_turn d on d.family = s.family and d.model = s.model and d.tenant_id = s.tenant_id
      """;

  private static final String VIRTUAL_CLOCK =
      "select family, model, turn from dispatch_turn where tenant_id = '' and family ="
          + " any(:families) and model = any(:models)";

  /**
   * The first tasks of each of some queues, each read from where it begins. The length of a body is
   * in its row: nothing of the body is read for it.
   */
  static final String WAITING =
      """
      select l.queue, c.task_id, c.slots,
        coalesce((select octet_length(r.body) from task_request r where r.task_id = c.task_id), 0) as bytes
      from unnest(cast(:tenants as text[]), cast(:families as text[]), cast(:models as text[]),
          cast(:limits as int[])) with ordinality as l(tenant_id, family, model, most, queue)
        cross join lateral (
          select q.task_id, q.slots, q.priority from dispatch_queue q
          where q.sent_at is null and q.tenant_id = l.tenant_id and q.family = l.family and q.model = l.model
            and q.due_at <= :now and (q.deadline_at is null or q.deadline_at > :now)
          order by q.priority desc, q.task_id limit l.most) c
      order by l.queue, c.priority desc, c.task_id
      """;

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
          attempts = q.attempts + 1, sent_at = cast(:now as timestamptz), reason = null
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
        c.account, c.attempts, c.sent_at, c.deadline_at
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

  private static final String FREE_DEAD = FREE.formatted(Presence.GONE);

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

  private final Jdbi jdbi;
  private final PoolStore pools;
  private final Clock clock;
  private final DispatchConfig config;
  private final BodyRoom bodies;

  /** The answer to a create should be here by then; if it is not, Kling is asked. */
  private static final Duration ANSWERED = Duration.ofSeconds(15);

  private final int queueLimit;
  private final String owner;
  private volatile @Nullable TenantQueue lastQueue;

  @Inject
  DispatchStore(
      Jdbi jdbi,
      PoolStore pools,
      Clock clock,
      DispatchConfig config,
      BodyRoom bodies,
      ReplicaId me) {
    this.jdbi = jdbi;
    this.owner = me.id();
    this.pools = pools;
    this.clock = clock;
    this.config = config;
    this.bodies = bodies;
    this.queueLimit = config.queues();
  }

  /**
   * Queues that are not empty and may be sent from; those beyond the bound are seen by the next
   * call.
   */
  List<TenantQueue> queues() {
    TenantQueue after = lastQueue;
    List<TenantQueue> queues = jdbi.withHandle(handle -> queues(handle, after, queueLimit));
    lastQueue = queues.size() < queueLimit ? null : queues.get(queues.size() - 1);
    return queues.stream().filter(queue -> queue.weight() > 0).toList();
  }

  static List<TenantQueue> queues(Handle handle, @Nullable TenantQueue after, int limit) {
    return handle
        .createQuery(QUEUES)
        .bind("tenant", after == null ? "" : after.tenant())
        .bind("family", after == null ? "" : after.model().family())
        .bind("model", after == null ? "" : after.model().model())
        .bind("limit", limit)
        .map(
            (row, context) ->
                new TenantQueue(
                    row.getString("tenant_id"),
                    new Model(row.getString("family"), row.getString("model")),
                    row.getInt("weight"),
                    row.getDouble("turn"),
                    List.of()))
        .list();
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
    List<TenantQueue> seen = queues();
    if (seen.isEmpty() || room <= 0) {
      return List.of();
    }
    return pools.exclusively(handle -> claim(handle, planned(handle, seen, judge, room, null)));
  }

  /** Which tasks {@link #claim} would take, but for those that are set aside. */
  List<String> due(Function<PoolStore.Snapshot, Capacity> judge, int room) {
    List<TenantQueue> seen = jdbi.withHandle(handle -> queues(handle, null, queueLimit));
    List<String> due =
        pools.exclusively(
            handle ->
                planned(handle, seen, judge, room, null).plan().assigned().stream()
                    .map(Assigned::taskId)
                    .toList());
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(NOT_ASIDE)
                .bindArray("ids", String.class, due)
                .mapTo(String.class)
                .list());
  }

  /** Claims some of those. */
  List<Claim> claim(Function<PoolStore.Snapshot, Capacity> judge, List<String> only) {
    List<TenantQueue> seen = jdbi.withHandle(handle -> queues(handle, null, queueLimit));
    return pools.exclusively(
        handle -> claim(handle, planned(handle, seen, judge, config.batch(), Set.copyOf(only))));
  }

  private record Planned(Capacity capacity, Plan plan, BodyRoom.Pass bodies) {}

  private Planned planned(
      Handle handle,
      List<TenantQueue> seen,
      Function<PoolStore.Snapshot, Capacity> judge,
      int room,
      @Nullable Set<String> only) {
    PoolStore.Snapshot snapshot = pools.snapshot(handle);
    Capacity capacity = judge.apply(snapshot);
    pools.raise(
        capacity, snapshot, seen.stream().map(TenantQueue::model).collect(Collectors.toSet()));
    Map<Model, Double> virtualClock = virtualClock(handle, seen);
    Map<Model, Integer> free = free(seen, capacity, snapshot.used(), room);
    BodyRoom.Pass pass = bodies.pass();
    List<TenantQueue> queues = firstInTurn(handle, seen, free, virtualClock, pass);
    if (only != null) {
      queues = queues.stream().map(queue -> queue.with(only)).toList();
    }
    return new Planned(
        capacity, new SlotPlan(capacity, snapshot.used(), virtualClock).assign(queues, room), pass);
  }

  private List<Claim> claim(Handle handle, Planned planned) {
    bodies.chosen(planned.bodies());
    if (planned.plan().assigned().isEmpty()) {
      return List.of();
    }
    pools.claimed(handle, planned.capacity());
    return take(handle, planned);
  }

  /**
   * Of each model the queues whose turn is first, with their first tasks: as many queues as there
   * are free slots, not counting those whose tasks are all deferred, or too large for now.
   */
  private List<TenantQueue> firstInTurn(
      Handle handle,
      List<TenantQueue> seen,
      Map<Model, Integer> free,
      Map<Model, Double> virtualClock,
      BodyRoom.Pass pass) {
    Map<Model, Deque<TenantQueue>> byModel = new LinkedHashMap<>();
    seen.stream()
        .sorted(
            Comparator.<TenantQueue>comparingDouble(
                    queue ->
                        Math.max(
                            queue.virtualTime(), virtualClock.getOrDefault(queue.model(), 0.0)))
                .thenComparing(TenantQueue::tenant))
        .forEach(
            queue -> byModel.computeIfAbsent(queue.model(), m -> new ArrayDeque<>()).add(queue));
    Map<Model, Integer> wanted = new HashMap<>(free);
    List<TenantQueue> first = new ArrayList<>();
    while (true) {
      List<TenantQueue> next = new ArrayList<>();
      byModel.forEach(
          (model, queues) -> {
            for (int i = wanted.getOrDefault(model, 0); i > 0 && !queues.isEmpty(); i--) {
              next.add(queues.remove());
            }
          });
      if (next.isEmpty()) {
        return first;
      }
      for (TenantQueue queue : waiting(handle, next, free, pass)) {
        if (!queue.waiting().isEmpty()) {
          wanted.merge(queue.model(), -1, Integer::sum);
          first.add(queue);
        }
      }
    }
  }

  private static Map<Model, Integer> free(
      List<TenantQueue> queues, Capacity capacity, Map<SlotPool, Integer> used, int room) {
    Map<Model, Integer> free = new HashMap<>();
    for (TenantQueue queue : queues) {
      free.computeIfAbsent(
          queue.model(),
          model -> {
            int sum = 0;
            for (String account : capacity.accounts()) {
              SlotPool pool = new SlotPool(account, model.family(), model.model());
              sum += Math.max(0, capacity.limit(pool) - used.getOrDefault(pool, 0));
            }
            return Math.min(sum, room);
          });
    }
    return free;
  }

  private static Map<Model, Double> virtualClock(Handle handle, List<TenantQueue> queues) {
    Map<Model, Double> virtualClock = new HashMap<>();
    Set<String> families = new HashSet<>();
    Set<String> models = new HashSet<>();
    queues.forEach(
        queue -> {
          families.add(queue.model().family());
          models.add(queue.model().model());
        });
    handle
        .createQuery(VIRTUAL_CLOCK)
        .bindArray("families", String.class, List.copyOf(families))
        .bindArray("models", String.class, List.copyOf(models))
        .map(
            (row, context) ->
                virtualClock.put(
                    new Model(row.getString("family"), row.getString("model")),
                    row.getDouble("turn")))
        .list();
    return virtualClock;
  }

  private List<TenantQueue> waiting(
      Handle handle, List<TenantQueue> queues, Map<Model, Integer> free, BodyRoom.Pass pass) {
    Map<Integer, List<Candidate>> tasks = new HashMap<>();
    handle
        .createQuery(WAITING)
        .bindArray("tenants", String.class, queues.stream().map(TenantQueue::tenant).toList())
        .bindArray("families", String.class, queues.stream().map(l -> l.model().family()).toList())
        .bindArray("models", String.class, queues.stream().map(l -> l.model().model()).toList())
        .bind("now", clock.instant())
        .bindArray(
            "limits",
            Integer.class,
            queues.stream().map(l -> free.getOrDefault(l.model(), 0)).toList())
        .map(
            (row, context) -> {
              int queue = row.getInt("queue");
              return pass.takes(queues.get(queue - 1).tenant(), row.getInt("bytes"))
                  && tasks
                      .computeIfAbsent(queue, first -> new ArrayList<>())
                      .add(new Candidate(row.getString("task_id"), row.getInt("slots")));
            })
        .list();
    List<TenantQueue> filled = new ArrayList<>();
    for (int i = 0; i < queues.size(); i++) {
      TenantQueue queue = queues.get(i);
      filled.add(
          new TenantQueue(
              queue.tenant(),
              queue.model(),
              queue.weight(),
              queue.virtualTime(),
              tasks.getOrDefault(i + 1, List.of())));
    }
    return filled;
  }

  private List<Claim> take(Handle handle, Planned planned) {
    Instant now = clock.instant();
    Plan plan = planned.plan();
    List<Assigned> assigned = plan.assigned();
    List<Map.Entry<Turn, Double>> turns = List.copyOf(plan.turns().entrySet());
    return handle
        .createQuery(CLAIM)
        .bindArray("ids", String.class, assigned.stream().map(Assigned::taskId).toList())
        .bindArray("accounts", String.class, assigned.stream().map(Assigned::account).toList())
        .bind("owner", owner)
        .bind("now", now)
        .bind("answered", now.plus(ANSWERED))
        .bindArray(
            "families", String.class, turns.stream().map(t -> t.getKey().model().family()).toList())
        .bindArray(
            "models", String.class, turns.stream().map(t -> t.getKey().model().model()).toList())
        .bindArray("tenants", String.class, turns.stream().map(t -> t.getKey().tenant()).toList())
        .bindArray("turns", String.class, turns.stream().map(t -> t.getValue().toString()).toList())
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
                .map((row, context) -> row.getTimestamp("created_at").toInstant())
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
            handle
                .createUpdate(LET_GO)
                .bind("owner", owner)
                .bindArray("held", String.class, List.copyOf(held))
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
        row.getString("task_id"),
        row.getString("kind"),
        row.getString("body"),
        row.getInt("bytes"),
        row.getString("upstream_model"),
        pool.model(),
        pool.family(),
        row.getInt("slots"),
        pool.account(),
        new ClaimToken(owner, row.getInt("attempts")),
        capacity.state(pool).epoch(),
        row.getTimestamp("sent_at").toInstant(),
        instant(row.getTimestamp("deadline_at")));
  }

  private static @Nullable Instant instant(@Nullable Timestamp time) {
    return time == null ? null : time.toInstant();
  }
}
