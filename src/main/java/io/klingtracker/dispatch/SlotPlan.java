package io.klingtracker.dispatch;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
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
   * One tenant's queue for one model.
   *
   * @param turn where it stands in virtual time
   * @param waiting its first tasks, in order
   */
  record Lane(String tenant, Model model, int weight, double turn, List<Candidate> waiting) {

    /** The same queue with only those of its tasks that are named. */
    Lane with(Set<String> taskIds) {
      return new Lane(
          tenant,
          model,
          weight,
          turn,
          waiting.stream().filter(task -> taskIds.contains(task.taskId())).toList());
    }
  }

  /** A task and the account it goes to. */
  record Assigned(String taskId, String account) {}

  /** Who moves on in virtual time; the tenant is empty for the time itself. */
  record Turn(String tenant, Model model) {}

  /** What was decided. */
  record Plan(List<Assigned> assigned, Map<Turn, Double> turns) {}

  private static final class Place {
    private final Lane lane;
    private final Deque<Candidate> waiting;
    private double start;

    Place(Lane lane, double time) {
      this.lane = lane;
      this.waiting = new ArrayDeque<>(lane.waiting());
      this.start = Math.max(lane.turn(), time);
    }

    double start() {
      return start;
    }

    String tenant() {
      return lane.tenant();
    }
  }

  private final Capacity capacity;
  private final Map<Pool, Integer> used;
  private final Map<Model, Double> times;
  private final List<Assigned> assigned = new ArrayList<>();
  private final Map<Turn, Double> turns = new LinkedHashMap<>();

  /**
   * Starts a plan.
   *
   * @param used slots taken now
   * @param times virtual time of each model
   */
  SlotPlan(Capacity capacity, Map<Pool, Integer> used, Map<Model, Double> times) {
    this.capacity = capacity;
    this.used = new HashMap<>(used);
    this.times = times;
  }

  /** Gives slots to at most {@code room} tasks, one of each model after the other. */
  Plan assign(List<Lane> lanes, int room) {
    Map<Model, PriorityQueue<Place>> models = new LinkedHashMap<>();
    for (Lane lane : lanes) {
      if (!lane.waiting().isEmpty()) {
        models
            .computeIfAbsent(
                lane.model(),
                model ->
                    new PriorityQueue<>(
                        Comparator.comparingDouble(Place::start).thenComparing(Place::tenant)))
            .add(new Place(lane, times.getOrDefault(lane.model(), 0.0)));
      }
    }
    while (assigned.size() < room && !models.isEmpty()) {
      Iterator<PriorityQueue<Place>> each = models.values().iterator();
      while (each.hasNext() && assigned.size() < room) {
        PriorityQueue<Place> places = each.next();
        // The first in turn waits for its slots; letting smaller tasks by could starve it.
        if (!next(places) || places.isEmpty()) {
          each.remove();
        }
      }
    }
    return new Plan(List.copyOf(assigned), Map.copyOf(turns));
  }

  private boolean next(PriorityQueue<Place> places) {
    Place place = places.poll();
    Candidate first = place == null ? null : place.waiting.peek();
    String account = place == null || first == null ? null : account(place.lane, first);
    if (place == null || first == null || account == null) {
      return false;
    }
    place.waiting.remove();
    Pool pool = pool(account, place.lane);
    used.merge(pool, first.slots(), Integer::sum);
    capacity.took(pool);
    assigned.add(new Assigned(first.taskId(), account));
    turns.put(new Turn("", place.lane.model()), place.start);
    place.start += (double) first.slots() / place.lane.weight();
    turns.put(new Turn(place.tenant(), place.lane.model()), place.start);
    if (!place.waiting.isEmpty()) {
      places.add(place);
    }
    return true;
  }

  /** The account with the fewest slots in use for its weight among those with enough free. */
  private @Nullable String account(Lane lane, Candidate task) {
    String best = null;
    double least = Double.POSITIVE_INFINITY;
    for (String account : capacity.accounts().stream().sorted().toList()) {
      Pool pool = pool(account, lane);
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

  private static Pool pool(String account, Lane lane) {
    return new Pool(account, lane.model().family(), lane.model().model());
  }
}
