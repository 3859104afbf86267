package io.klingtracker.events;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The events that a relay holds: a queue per key whose head alone may be in flight. So a task's
 * events go out one after the other, each only when Kafka has the one before it, while thousands of
 * tasks are in flight together and one that fails holds back nobody else.
 *
 * <p>Plain data, for one thread.
 */
final class InFlightWindow {

  private final Map<String, Deque<OutboxMessage>> tasks = new HashMap<>();
  private final Map<Long, OutboxMessage> known = new LinkedHashMap<>();
  private final Deque<String> ready = new ArrayDeque<>();
  private final Set<String> inFlight = new HashSet<>();
  private final Map<String, Integer> attempts = new HashMap<>();
  private final PriorityQueue<Waiting> waiting =
      new PriorityQueue<>(Comparator.comparingLong(Waiting::until));

  private long bytes;
  private int replayed;

  private record Waiting(String taskId, long until) {}

  /** Takes events in the order of their ids; those already held are not to be given again. */
  void add(List<OutboxMessage> messages) {
    for (OutboxMessage message : messages) {
      if (known.putIfAbsent(message.id(), message) != null) {
        continue;
      }
      bytes += message.bytes();
      replayed += message.replayed() ? 1 : 0;
      Deque<OutboxMessage> queue = tasks.get(message.queue());
      if (queue == null) {
        queue = new ArrayDeque<>();
        tasks.put(message.queue(), queue);
        ready.add(message.queue());
      }
      queue.add(message);
    }
  }

  /** The next event that may be sent now, which thereby is in flight; null when there is none. */
  @Nullable OutboxMessage send(long now) {
    for (Waiting due = waiting.peek(); due != null && due.until() <= now; due = waiting.peek()) {
      waiting.remove();
      if (tasks.containsKey(due.taskId())) {
        ready.add(due.taskId());
      }
    }
    String taskId = ready.poll();
    Deque<OutboxMessage> queue = taskId == null ? null : tasks.get(taskId);
    if (taskId == null || queue == null) {
      return null;
    }
    inFlight.add(taskId);
    return queue.peek();
  }

  /** Kafka has it. It stays known, so that it is not read again, until it is {@link #settled}. */
  void acknowledged(OutboxMessage message) {
    if (isFirst(message)) {
      attempts.remove(message.queue());
      next(message);
    }
  }

  /** An answer to what was let go of meanwhile says nothing about what was read since. */
  private boolean isFirst(OutboxMessage message) {
    Deque<OutboxMessage> queue = tasks.get(message.queue());
    return queue != null && queue.peek() == message;
  }

  private void next(OutboxMessage message) {
    String taskId = message.queue();
    inFlight.remove(taskId);
    Deque<OutboxMessage> queue = tasks.get(taskId);
    if (queue != null) {
      queue.poll();
      if (queue.isEmpty()) {
        tasks.remove(taskId);
      } else {
        ready.add(taskId);
      }
    }
  }

  /** Kafka did not take it; the task waits until the given time. */
  void failed(OutboxMessage message, long until) {
    if (!isFirst(message)) {
      return;
    }
    inFlight.remove(message.queue());
    attempts.merge(message.queue(), 1, Integer::sum);
    waiting.add(new Waiting(message.queue(), until));
  }

  /** How often in a row the task's next event has failed. */
  int attempts(String taskId) {
    return attempts.getOrDefault(taskId, 0);
  }

  /** Its row is gone. */
  void settled(List<OutboxMessage> messages) {
    for (OutboxMessage message : messages) {
      forget(message);
    }
  }

  private void forget(OutboxMessage message) {
    if (known.remove(message.id()) != null) {
      bytes -= message.bytes();
      replayed -= message.replayed() ? 1 : 0;
    }
  }

  /** Lets go of a task and of everything of it. */
  void drop(String taskId) {
    inFlight.remove(taskId);
    attempts.remove(taskId);
    Deque<OutboxMessage> queue = tasks.remove(taskId);
    if (queue != null) {
      queue.forEach(this::forget);
      ready.remove(taskId);
      waiting.removeIf(waits -> waits.taskId().equals(taskId));
    }
  }

  /** Ids that need not be read again. */
  List<Long> known() {
    return List.copyOf(known.keySet());
  }

  /** About how much memory all of them take. */
  long bytes() {
    return bytes;
  }

  int size() {
    return known.size();
  }

  /** How many of them are replayed. */
  int replayed() {
    return replayed;
  }

  int inFlight() {
    return inFlight.size();
  }

  /** When the first waiting task may be tried again; far away when none waits. */
  long nextTry() {
    Waiting first = waiting.peek();
    return first == null ? Long.MAX_VALUE : first.until();
  }
}
