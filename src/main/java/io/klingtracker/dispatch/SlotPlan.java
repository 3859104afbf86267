package io.klingtracker.dispatch;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decides which waiting tasks get a slot, and whose. Tenants that wait for the same model take
 * turns by weight (start-time fair queueing: a tenant that was idle starts at the time of the
 * others, neither behind nor ahead); inside a tenant the order given holds; models do not wait for
 * one another.
 */
final class SlotPlan {

  /** A waiting task. */
  record Candidate(String taskId, int slots) {}

  /** A model of a family, on whichever account. */
  record Model(String family, String model) {}

  /**
   * One tenant's queue for one model. What has to go to one account is a queue of its own, in turn
   * like another tenant's: it waits for that account alone, and nothing else waits for it.
   *
   * @param account the only one that its tasks may go to; null for any
   * @param virtualTime where it is in virtual time
   * @param waiting its first tasks, in order
   */
  record TenantQueue(
      String tenant,
      Model model,
      @Nullable String account,
      int weight,
      double virtualTime,
      List<Candidate> waiting) {

    /** One whose tasks may go to any account. */
    TenantQueue(
        String tenant, Model model, int weight, double virtualTime, List<Candidate> waiting) {
      this(tenant, model, null, weight, virtualTime, waiting);
    }

    /** By which its turns go: a tenant's name has no slash in it. */
    String turn() {
      return account == null ? tenant : tenant + "/" + account;
    }

    /** The same queue with its first tasks. */
    TenantQueue with(List<Candidate> first) {
      return new TenantQueue(tenant, model, account, weight, virtualTime, first);
    }

    /** The same queue with only those of its tasks that are named. */
    TenantQueue with(Set<String> taskIds) {
      return with(waiting.stream().filter(task -> taskIds.contains(task.taskId())).toList());
    }
  }

  /** A task and the account it goes to. */
  record Assigned(String taskId, String account) {}

  /** Which queue moves on in virtual time; its name is empty for the time itself. */
  record Turn(String tenant, Model model) {}

  /** What was decided. */
  record Plan(List<Assigned> assigned, Map<Turn, Double> turns) {}

  private static final class Head {
    private final TenantQueue queue;
    private final Deque<Candidate> waiting;
    private double start;

    Head(TenantQueue queue, double time) {
      this.queue = queue;
      this.waiting = new ArrayDeque<>(queue.waiting());
      this.start = Math.max(queue.virtualTime(), time);
    }

    double start() {
      return start;
    }

    String turn() {
      return queue.turn();
    }

    boolean isPinned() {
      return queue.account() != null;
    }
  }

  private final Capacity capacity;
  private final Map<SlotPool, Integer> used;
  private final Map<Model, Double> virtualClock;
  private final List<Assigned> assigned = new ArrayList<>();
  private final Map<Turn, Double> turns = new LinkedHashMap<>();

  /** Whose free slots are kept for tasks that have to go there and need more of them. */
  private final Set<SlotPool> kept = new HashSet<>();

  /**
   * Starts a plan.
   *
   * @param used slots taken now
   * @param virtualClock virtual time of each model
   */
  SlotPlan(Capacity capacity, Map<SlotPool, Integer> used, Map<Model, Double> virtualClock) {
    this.capacity = capacity;
    this.used = new HashMap<>(used);
    this.virtualClock = virtualClock;
  }

  /** Gives slots to at most {@code room} tasks, one of each model after the other. */
  Plan assign(List<TenantQueue> queues, int room) {
    Map<Model, PriorityQueue<Head>> models = new LinkedHashMap<>();
    for (TenantQueue queue : queues) {
      if (!queue.waiting().isEmpty()) {
        models
            .computeIfAbsent(
                queue.model(),
                model ->
                    new PriorityQueue<>(
                        Comparator.comparingDouble(Head::start)
                            // Others may have another account to go to.
                            .thenComparing(head -> !head.isPinned())
                            .thenComparing(Head::turn)))
            .add(new Head(queue, virtualClock.getOrDefault(queue.model(), 0.0)));
      }
    }
    while (assigned.size() < room && !models.isEmpty()) {
      Iterator<PriorityQueue<Head>> each = models.values().iterator();
      while (each.hasNext() && assigned.size() < room) {
        PriorityQueue<Head> heads = each.next();
        // The first in turn waits for its slots; letting smaller tasks by could starve it.
        if (!next(heads) || heads.isEmpty()) {
          each.remove();
        }
      }
    }
    return new Plan(List.copyOf(assigned), Map.copyOf(turns));
  }

  private boolean next(PriorityQueue<Head> heads) {
    Head head = heads.poll();
    Candidate first = head == null ? null : head.waiting.peek();
    String account = head == null || first == null ? null : account(head.queue, first);
    if (head == null || first == null) {
      return false;
    }
    if (account == null && head.queue.account() != null) {
      // It was first in turn there, and the rest is for other accounts.
      kept.add(pool(head.queue.account(), head.queue));
      return true;
    }
    if (account == null) {
      return false;
    }
    head.waiting.remove();
    SlotPool pool = pool(account, head.queue);
    used.merge(pool, first.slots(), Integer::sum);
    capacity.took(pool);
    assigned.add(new Assigned(first.taskId(), account));
    turns.put(new Turn("", head.queue.model()), head.start);
    head.start += (double) first.slots() / head.queue.weight();
    turns.put(new Turn(head.turn(), head.queue.model()), head.start);
    if (!head.waiting.isEmpty()) {
      heads.add(head);
    }
    return true;
  }

  /** The account with the fewest slots in use for its weight among those with enough free. */
  private @Nullable String account(TenantQueue queue, Candidate task) {
    String best = null;
    double least = Double.POSITIVE_INFINITY;
    for (String account : capacity.accounts().stream().sorted().toList()) {
      SlotPool pool = pool(account, queue);
      if (queue.account() != null && !queue.account().equals(account) || kept.contains(pool)) {
        continue;
      }
      int limit = capacity.limit(pool);
      int taken = used.getOrDefault(pool, 0);
      // A task that needs more than there ever are goes when all are free; Kling has the last word.
      boolean fits = limit > 0 && limit - taken >= Math.min(task.slots(), limit);
      double load = (double) taken / capacity.weight(account);
      if (fits && load < least) {
        least = load;
        best = account;
      }
    }
    return best;
  }

  private static SlotPool pool(String account, TenantQueue queue) {
    return new SlotPool(account, queue.model().family(), queue.model().model());
  }
}
