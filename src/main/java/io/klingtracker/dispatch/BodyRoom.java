package io.klingtracker.dispatch;

import io.klingtracker.http.LargeBodyWork;
import io.klingtracker.share.Permit;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The memory of large bodies on their way to Kling, from the claim that loads them to the end of
 * their create: what {@link LargeBodyWork} has left beside those that callers send. One that finds
 * no room stays in its queue with its turn; small ones of others pass it, and those of its own
 * tenant that are among the next for the free slots. Tenants whose large bodies wait take turns for
 * the room that is given back, and nobody's smaller one takes it from the first of them. Small
 * bodies are bounded by the number of calls under way.
 */
@Singleton
class BodyRoom {

  /** Up to so many bytes a body is small. */
  static final int SMALL = 64 << 10;

  /** What a large body takes while it is made ready, in times of its length. */
  static final int COPIES = LargeBodyWork.COPIES;

  /** Among those who ask for the memory the dispatcher is one, beside the tenants that submit. */
  private static final String DISPATCH = "(dispatch)";

  private final LargeBodyWork work;
  private final Map<String, Permit> held = new ConcurrentHashMap<>();
  private volatile Set<String> waiting = Set.of();

  /** By weight, of the pass that has not been claimed yet; only the claiming thread comes here. */
  private final Map<Long, Deque<Permit>> granted = new HashMap<>();

  @Inject
  BodyRoom(LargeBodyWork work) {
    this.work = work;
  }

  /** Its body is loaded. */
  void hold(Claim claim) {
    if (!isLarge(claim.bytes())) {
      return;
    }
    long weight = weight(claim.bytes());
    Deque<Permit> ready = granted.get(weight);
    if (ready != null && !ready.isEmpty()) {
      held.put(claim.taskId(), ready.remove());
    } else if (work.enter(DISPATCH, weight) instanceof Permit permit) {
      // It has grown since it was chosen, which no body does.
      held.put(claim.taskId(), permit);
    }
  }

  /** Its create has ended; whether somebody waits for the room that it gives back. */
  boolean release(Claim claim) {
    Permit permit = held.remove(claim.taskId());
    if (permit == null) {
      return false;
    }
    permit.close();
    return !waiting.isEmpty();
  }

  /** One choice of what to claim; what the last one was granted and did not claim is given back. */
  Pass pass() {
    granted.values().forEach(left -> left.forEach(Permit::close));
    granted.clear();
    return new Pass();
  }

  /** What was chosen is claimed: the next pass continues from there. */
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
    private final Set<String> served = new HashSet<>();
    private final Set<String> refused = new HashSet<>();

    /** Whether a body may be loaded beside what was taken until now; it is taken then. */
    boolean takes(String tenant, int bytes) {
      if (!isLarge(bytes)) {
        return true;
      }
      boolean turn =
          served.contains(tenant) || waiting.isEmpty() || waiting.iterator().next().equals(tenant);
      long weight = weight(bytes);
      if (turn && work.enter(DISPATCH, weight) instanceof Permit permit) {
        granted.computeIfAbsent(weight, any -> new ArrayDeque<>()).add(permit);
        waiting.remove(tenant);
        served.add(tenant);
        return true;
      }
      served.remove(tenant);
      refused.add(tenant);
      waiting.add(tenant);
      return false;
    }
  }
}
