package io.klingtracker.reconcile;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Which of those to be asked about one by one are, and in which order; the others wait. */
final class CheckShares {

  /**
   * What was decided.
   *
   * @param asked in the order of asking
   * @param deferred those for whom there is no room, in the order in which they would have come
   */
  record Shares(List<Check> asked, List<Check> deferred) {}

  private CheckShares() {}

  /** Proofs first, what Kling does not seem to know last, and each urgency's tenants in turn. */
  static List<Check> inTurn(List<Check> checks) {
    CallTurns<Check> turns = new CallTurns<>();
    List<Check> ordered = new ArrayList<>(checks.size());
    for (Urgency urgency : Urgency.values()) {
      checks.stream()
          .filter(check -> check.urgency() == urgency)
          .forEach(check -> turns.add(urgency, check.tenant(), check));
      for (Optional<Check> next = turns.next(); next.isPresent(); next = turns.next()) {
        ordered.add(next.get());
      }
    }
    return ordered;
  }

  /**
   * Lets in as many as there is room for. A tenant may have as many asked about as are left free:
   * one alone half of all, two a third each. What Kling does not seem to know gets a quarter.
   *
   * @param under how many of each tenant are asked about at present
   * @param most that all together may have
   */
  static Shares of(List<Check> checks, Map<String, Integer> under, int most) {
    Map<String, Integer> now = new HashMap<>(under);
    int free = most - under.values().stream().mapToInt(Integer::intValue).sum();
    int unknown = Math.max(1, most / 4);
    List<Check> asked = new ArrayList<>();
    List<Check> deferred = new ArrayList<>();
    for (Check check : inTurn(checks)) {
      int own = now.getOrDefault(check.tenant(), 0);
      boolean isUnknown = check.urgency() == Urgency.UNKNOWN;
      if (free <= 0 || own >= free || isUnknown && (unknown <= 0 || own >= most / 4)) {
        deferred.add(check);
        continue;
      }
      asked.add(check);
      now.put(check.tenant(), own + 1);
      free--;
      unknown -= isUnknown ? 1 : 0;
    }
    return new Shares(asked, deferred);
  }
}
