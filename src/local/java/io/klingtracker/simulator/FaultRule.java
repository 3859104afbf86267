package io.klingtracker.simulator;

import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * When a fault strikes.
 *
 * @param on what it strikes
 * @param task only this task, by external id or task id; null: any
 * @param status only callbacks of this status; null: any
 * @param from only from the n-th match on, counted from 1
 * @param times how often at most; 0: without end
 * @param probability how likely a match is struck, by the simulator's seed; 0 stands for 1
 * @param fault what happens
 */
public record FaultRule(
    Operation on,
    @Nullable String task,
    @Nullable String status,
    int from,
    int times,
    double probability,
    Fault fault) {

  public FaultRule {
    if (on == null || fault == null) {
      throw new IllegalArgumentException((on == null ? "on" : "fault") + " is missing");
    }
    if (from < 0 || times < 0) {
      throw new IllegalArgumentException((from < 0 ? "from" : "times") + " must not be negative");
    }
    if (!(probability >= 0 && probability <= 1)) {
      throw new IllegalArgumentException("probability must be 0 to 1, not " + probability);
    }
    FaultKinds.Kind kind = FaultKinds.of(fault);
    if (!kind.on().contains(on)) {
      throw new IllegalArgumentException(
          "%s strikes %s, not %s"
              .formatted(
                  kind.type(),
                  kind.on().stream().map(Operation::word).collect(Collectors.joining(", ")),
                  on.word()));
    }
    if (status != null && on != Operation.CALLBACK) {
      throw new IllegalArgumentException("status is for callbacks, not for " + on.word());
    }
    if (task != null && on == Operation.LIST) {
      throw new IllegalArgumentException("task is for what is about one task, not for list");
    }
    from = Math.max(from, 1);
    probability = probability == 0 ? 1 : probability;
  }

  /** A rule that strikes every time. */
  public static FaultRule on(Operation operation, Fault fault) {
    return new FaultRule(operation, null, null, 1, 0, 1, fault);
  }

  /** Only the n-th match, counted from 1. */
  public FaultRule nth(int n) {
    return new FaultRule(on, task, status, n, 1, probability, fault);
  }

  /** At most so often. */
  public FaultRule times(int most) {
    return new FaultRule(on, task, status, from, most, probability, fault);
  }

  /** Only this task, by external id or task id. */
  public FaultRule task(String id) {
    return new FaultRule(on, id, status, from, times, probability, fault);
  }

  /** Only callbacks of this status. */
  public FaultRule status(String word) {
    return new FaultRule(on, task, word, from, times, probability, fault);
  }

  /** Only this share of matches. */
  public FaultRule probability(double share) {
    return new FaultRule(on, task, status, from, times, share, fault);
  }
}
