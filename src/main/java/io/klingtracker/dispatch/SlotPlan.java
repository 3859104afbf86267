package io.klingtracker.dispatch;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Decides which waiting tasks get a slot: in the order given, each on the account with the most
 * free ones.
 */
final class SlotPlan {

  /** What Kling counts slots for. */
  record SlotKey(String account, @Nullable String upstreamModel, String family) {}

  /** A waiting task. */
  record Candidate(String taskId, @Nullable String upstreamModel, String family, int slots) {}

  /** A task and the account it goes to. */
  record Assigned(String taskId, String account) {}

  private final Map<String, Integer> limits;
  private final Map<SlotKey, Integer> used;

  /**
   * Starts a plan.
   *
   * @param limits slots per model and family of each account that may be used
   * @param used slots taken now
   */
  SlotPlan(Map<String, Integer> limits, Map<SlotKey, Integer> used) {
    this.limits = limits;
    this.used = new HashMap<>(used);
  }

  List<Assigned> assign(List<Candidate> candidates) {
    List<Assigned> assigned = new ArrayList<>();
    for (Candidate candidate : candidates) {
      freest(candidate)
          .ifPresent(
              account -> {
                used.merge(key(account, candidate), candidate.slots(), Integer::sum);
                assigned.add(new Assigned(candidate.taskId(), account));
              });
    }
    return assigned;
  }

  private Optional<String> freest(Candidate candidate) {
    String best = null;
    int most = candidate.slots() - 1;
    for (Map.Entry<String, Integer> limit : limits.entrySet()) {
      int free = limit.getValue() - used.getOrDefault(key(limit.getKey(), candidate), 0);
      if (free > most) {
        most = free;
        best = limit.getKey();
      }
    }
    return Optional.ofNullable(best);
  }

  private static SlotKey key(String account, Candidate candidate) {
    return new SlotKey(account, candidate.upstreamModel(), candidate.family());
  }
}
