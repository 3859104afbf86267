package io.klingtracker.reconcile;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Whose turn it is: among what waits, the urgencies by their weights, and within one its tenants
 * round robin, each in the order of asking. What has waited for nothing saves up nothing.
 */
final class CallTurns<T> {

  private static final class Waiting<T> {
    private final Map<String, Deque<T>> byTenant = new LinkedHashMap<>();

    /** Grows with every turn, the slower the heavier. */
    private double passed;
  }

  private final Map<Urgency, Waiting<T>> urgencies = new EnumMap<>(Urgency.class);
  private double passed;

  CallTurns() {
    for (Urgency urgency : Urgency.values()) {
      urgencies.put(urgency, new Waiting<>());
    }
  }

  void add(Urgency urgency, String tenant, T item) {
    Waiting<T> waiting = of(urgency);
    if (waiting.byTenant.isEmpty()) {
      waiting.passed = Math.max(waiting.passed, passed);
    }
    waiting.byTenant.computeIfAbsent(tenant, name -> new ArrayDeque<>()).add(item);
  }

  /** Takes what is next; empty when nothing waits. */
  Optional<T> next() {
    Urgency next = null;
    for (Urgency urgency : Urgency.values()) {
      if (!of(urgency).byTenant.isEmpty()
          && (next == null || of(urgency).passed < of(next).passed)) {
        next = urgency;
      }
    }
    if (next == null) {
      return Optional.empty();
    }
    Waiting<T> waiting = of(next);
    passed = waiting.passed;
    waiting.passed += 1.0 / next.weight();
    Iterator<Map.Entry<String, Deque<T>>> tenants = waiting.byTenant.entrySet().iterator();
    Map.Entry<String, Deque<T>> first = tenants.next();
    tenants.remove();
    T item = first.getValue().remove();
    if (!first.getValue().isEmpty()) {
      waiting.byTenant.put(first.getKey(), first.getValue());
    }
    return Optional.of(item);
  }

  boolean isEmpty() {
    return urgencies.values().stream().allMatch(waiting -> waiting.byTenant.isEmpty());
  }

  private Waiting<T> of(Urgency urgency) {
    Waiting<T> waiting = urgencies.get(urgency);
    if (waiting == null) {
      throw new IllegalStateException("every urgency has its place");
    }
    return waiting;
  }
}
