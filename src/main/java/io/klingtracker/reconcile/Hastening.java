package io.klingtracker.reconcile;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.upstream.CheckRequested;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;

/**
 * Moves the next question about a task up to now, for people who wait. It is asked like any other:
 * at the account's rate, and in its tenant's turn.
 */
@Singleton
public class Hastening {

  /** One task is asked about on request once in this time, by each replica. */
  static final Duration AGAIN_AFTER = Duration.ofSeconds(10);

  private static final int REMEMBERED = 10_000;

  private final ReconcileStore store;
  private final Event<CheckRequested> checkRequested;
  private final Clock clock;
  private final Cache<String, Boolean> asked;

  @Inject
  Hastening(ReconcileStore store, Event<CheckRequested> checkRequested, Clock clock) {
    this.store = store;
    this.checkRequested = checkRequested;
    this.clock = clock;
    this.asked = Caches.afterWrite(REMEMBERED, AGAIN_AFTER, clock);
  }

  /**
   * Has Kling asked about a task that has not ended.
   *
   * @throws ProblemException when nothing of it has reached Kling, or it was asked about just now
   */
  public void ask(String taskId) {
    if (asked.asMap().putIfAbsent(taskId, Boolean.TRUE) != null) {
      throw new ProblemException(
          ErrorCode.RATE_LIMITED,
          "Kling was asked about this task on request less than "
              + AGAIN_AFTER.toSeconds()
              + " s ago",
          AGAIN_AFTER);
    }
    if (!store.hasten(taskId, clock.instant())) {
      asked.invalidate(taskId);
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "nothing of this task has been sent to Kling, which knows nothing of it");
    }
    checkRequested.fire(new CheckRequested(taskId));
  }
}
