package io.klingtracker.dispatch;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The memory of large bodies on their way to Kling, from the claim that loads them to the end of
 * their create: a part of the heap. One that finds no room stays in its queue with its turn; small
 * ones of others pass it, and those of its own tenant that are among the next for the free slots.
 * Tenants whose large bodies wait take turns for the room that is given back, and nobody's smaller
 * one takes it from the first of them. Small bodies are bounded by the number of calls under way.
 */
@Singleton
class BodyRoom {

  /** Up to so many bytes a body is small. */
  static final int SMALL = 64 << 10;

  /**
   * What a large body takes while it is made ready: its text, its tree, Kling's text, its bytes.
   */
  static final int COPIES = 4;

  private static final int HEAP_PARTS = 4;

  private final long most;
  private final Map<String, Long> held = new ConcurrentHashMap<>();
  private volatile Set<String> waiting = Set.of();

  @Inject
  BodyRoom() {
    this(Runtime.getRuntime().maxMemory() / HEAP_PARTS);
  }

  /**
   * Room of another size.
   *
   * @param most bytes, each body counted {@link #COPIES} times; one alone always has room
   */
  BodyRoom(long most) {
    this.most = most;
  }

  /** Its body is loaded. */
  void hold(Claim claim) {
    if (isLarge(claim.bytes())) {
      held.put(claim.taskId(), weight(claim.bytes()));
    }
  }

  /** Its create has ended; whether somebody waits for the room that it gives back. */
  boolean release(Claim claim) {
    return held.remove(claim.taskId()) != null && !waiting.isEmpty();
  }

  /** One choice of what to claim; changes nothing here. */
  Pass pass() {
    return new Pass();
  }

  /** What was chosen is claimed: the next pass goes on from there. */
  void chosen(Pass pass) {
    Set<String> next = new LinkedHashSet<>(pass.waiting);
    next.retainAll(pass.refused);
    waiting = next;
  }

  static boolean isLarge(int bytes) {
    return bytes > SMALL;
  }

  private static long weight(int bytes) {
    return (long) bytes * COPIES;
  }

  /** One choice of what to claim, by one thread. */
  final class Pass {
    private final Set<String> waiting = new LinkedHashSet<>(BodyRoom.this.waiting);
    private final Set<String> granted = new HashSet<>();
    private final Set<String> refused = new HashSet<>();
    private long taken = held.values().stream().mapToLong(Long::longValue).sum();

    /** Whether a body may be loaded beside what was taken until now; it is taken then. */
    boolean takes(String tenant, int bytes) {
      if (!isLarge(bytes)) {
        return true;
      }
      boolean turn =
          granted.contains(tenant) || waiting.isEmpty() || waiting.iterator().next().equals(tenant);
      if (turn && (taken == 0 || taken + weight(bytes) <= most)) {
        taken += weight(bytes);
        waiting.remove(tenant);
        granted.add(tenant);
        return true;
      }
      granted.remove(tenant);
      refused.add(tenant);
      waiting.add(tenant);
      return false;
    }
  }
}
