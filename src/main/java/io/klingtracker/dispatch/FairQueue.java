package io.klingtracker.dispatch;

import io.klingtracker.database.Columns;
import io.klingtracker.dispatch.SlotPlan.Candidate;
import io.klingtracker.dispatch.SlotPlan.Model;
import io.klingtracker.dispatch.SlotPlan.Plan;
import io.klingtracker.dispatch.SlotPlan.TenantQueue;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Whose turn it is: reads as much of the dispatch queue as {@link SlotPlan} needs to share free
 * slots fairly between tenants. What it costs depends on how many queues there are, not on how long
 * they are.
 */
@Singleton
class FairQueue {

  /**
   * Hops from one tenant's queue for one model to the next, and in each from account to account of
   * what has to go to one: as many index probes as there are queues, however long they are.
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
      select s.tenant_id, s.family, s.model, a.account,
        case when t.suspended_at is null then t.weight else 0 end as weight, coalesce(d.turn, 0) as turn
      from found s join tenant t on t.id = s.tenant_id
        cross join lateral (
          select cast(null as text) as account
          union all
          (with recursive pin as (
            (select p.pinned_to as account from dispatch_queue p
             where p.sent_at is null and p.pinned_to is not null
               and p.tenant_id = s.tenant_id and p.family = s.family and p.model = s.model
             order by p.pinned_to limit 1)
            union all
            select n.* from pin l cross join lateral (
              select p.pinned_to from dispatch_queue p
              where p.sent_at is null and p.pinned_to is not null and p.pinned_to > l.account
                and p.tenant_id = s.tenant_id and p.family = s.family and p.model = s.model
              order by p.pinned_to limit 1) n
          )
          select account from pin)
        ) a
        left join dispatch_turn d on d.family = s.family and d.model = s.model
          and d.tenant_id = s.tenant_id || coalesce('/' || a.account, '')
      -- The next call continues behind the last one.
      order by s.tenant_id, s.family, s.model
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
          cast(:accounts as text[]), cast(:limits as int[])) with ordinality
          as l(tenant_id, family, model, account, most, queue)
        cross join lateral (
          (select q.task_id, q.slots, q.priority from dispatch_queue q
           where l.account is null and q.pinned_to is null
             and q.sent_at is null and q.tenant_id = l.tenant_id and q.family = l.family and q.model = l.model
             and q.due_at <= :now and (q.deadline_at is null or q.deadline_at > :now)
           order by q.priority desc, q.task_id limit l.most)
          union all
          (select q.task_id, q.slots, q.priority from dispatch_queue q
           where q.pinned_to = l.account
             and q.sent_at is null and q.tenant_id = l.tenant_id and q.family = l.family and q.model = l.model
             and q.due_at <= :now and (q.deadline_at is null or q.deadline_at > :now)
           order by q.priority desc, q.task_id limit l.most)) c
      order by l.queue, c.priority desc, c.task_id
      """;

  /** A model on any account, or what has to go to one. */
  private record ModelQueue(Model model, @Nullable String account) {
    static ModelQueue of(TenantQueue queue) {
      return new ModelQueue(queue.model(), queue.account());
    }
  }

  /** Queues (a tenant's tasks for one model) looked at in one pass; the next continues there. */
  private static final int MAX_QUEUES = 1_000;

  private final Jdbi jdbi;
  private final PoolStore pools;
  private final Clock clock;
  private final BodyRoom bodies;
  private volatile @Nullable TenantQueue lastQueue;

  /**
   * Whose turn it is.
   *
   * @param capacity as it is once the plan is carried out
   * @param bodies what of the memory for bodies the plan takes
   */
  record Planned(Capacity capacity, Plan plan, BodyRoom.Pass bodies) {}

  @Inject
  FairQueue(Jdbi jdbi, PoolStore pools, Clock clock, BodyRoom bodies) {
    this.jdbi = jdbi;
    this.pools = pools;
    this.clock = clock;
    this.bodies = bodies;
  }

  /**
   * Queues that are not empty and may be sent from; those beyond the bound are seen by the next
   * call.
   */
  List<TenantQueue> next() {
    TenantQueue after = lastQueue;
    List<TenantQueue> queues = jdbi.withHandle(handle -> queues(handle, after, MAX_QUEUES));
    List<TenantQueue> whole = queues.stream().filter(queue -> queue.account() == null).toList();
    lastQueue = whole.size() < MAX_QUEUES ? null : whole.get(whole.size() - 1);
    return queues.stream().filter(queue -> queue.weight() > 0).toList();
  }

  /** Queues that are not empty, from the first on. */
  List<TenantQueue> all() {
    return jdbi.withHandle(handle -> queues(handle, null, MAX_QUEUES));
  }

  private static List<TenantQueue> queues(Handle handle, @Nullable TenantQueue after, int limit) {
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
                    row.getString("account"),
                    row.getInt("weight"),
                    row.getDouble("turn"),
                    List.of()))
        .list();
  }

  /**
   * Plans who is next, in a transaction that no other replica's overlaps.
   *
   * @param seen queues that are not empty
   * @param judge makes of what Kling did to the pools who may take how much
   * @param room at most so many
   * @param only of these; null means of all
   */
  Planned plan(
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
    Map<ModelQueue, Integer> free = free(seen, capacity, snapshot.used(), room);
    BodyRoom.Pass pass = bodies.pass();
    List<TenantQueue> queues = firstInTurn(handle, seen, free, virtualClock, pass);
    if (only != null) {
      queues = queues.stream().map(queue -> queue.with(only)).toList();
    }
    return new Planned(
        capacity, new SlotPlan(capacity, snapshot.used(), virtualClock).assign(queues, room), pass);
  }

  /**
   * Of each model, and each account that tasks have to go to, the queues whose turn is first, with
   * their first tasks: as many queues as there are free slots, not counting those whose tasks are
   * all deferred, or too large for now.
   */
  private List<TenantQueue> firstInTurn(
      Handle handle,
      List<TenantQueue> seen,
      Map<ModelQueue, Integer> free,
      Map<Model, Double> virtualClock,
      BodyRoom.Pass pass) {
    Map<ModelQueue, Deque<TenantQueue>> byModel = new LinkedHashMap<>();
    seen.stream()
        .sorted(
            Comparator.<TenantQueue>comparingDouble(
                    queue ->
                        Math.max(
                            queue.virtualTime(), virtualClock.getOrDefault(queue.model(), 0.0)))
                .thenComparing(TenantQueue::tenant))
        .forEach(
            queue ->
                byModel
                    .computeIfAbsent(ModelQueue.of(queue), first -> new ArrayDeque<>())
                    .add(queue));
    Map<ModelQueue, Integer> wanted = new HashMap<>(free);
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
          wanted.merge(ModelQueue.of(queue), -1, Integer::sum);
          first.add(queue);
        }
      }
    }
  }

  private static Map<ModelQueue, Integer> free(
      List<TenantQueue> queues, Capacity capacity, Map<SlotPool, Integer> used, int room) {
    Map<ModelQueue, Integer> free = new HashMap<>();
    for (TenantQueue queue : queues) {
      free.computeIfAbsent(
          ModelQueue.of(queue),
          wanted -> {
            Model model = wanted.model();
            int sum = 0;
            for (String account :
                wanted.account() == null ? capacity.accounts() : Set.of(wanted.account())) {
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
    Columns.of(handle.createQuery(VIRTUAL_CLOCK), families)
        .texts("families", family -> family)
        .and(models)
        .texts("models", model -> model)
        .rest()
        .map(
            (row, context) ->
                virtualClock.put(
                    new Model(row.getString("family"), row.getString("model")),
                    row.getDouble("turn")))
        .list();
    return virtualClock;
  }

  private List<TenantQueue> waiting(
      Handle handle, List<TenantQueue> queues, Map<ModelQueue, Integer> free, BodyRoom.Pass pass) {
    Map<Integer, List<Candidate>> tasks = new HashMap<>();
    Columns.of(handle.createQuery(WAITING), queues)
        .texts("tenants", TenantQueue::tenant)
        .texts("families", queue -> queue.model().family())
        .texts("models", queue -> queue.model().model())
        .texts("accounts", TenantQueue::account)
        .ints("limits", queue -> free.getOrDefault(ModelQueue.of(queue), 0))
        .rest()
        .bind("now", clock.instant())
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
      filled.add(queues.get(i).with(tasks.getOrDefault(i + 1, List.of())));
    }
    return filled;
  }
}
