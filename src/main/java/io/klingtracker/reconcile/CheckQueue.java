package io.klingtracker.reconcile;

import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.retry.Backoff;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckRequested;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.Doubts.Doubt;
import io.klingtracker.upstream.UpstreamConfig;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Brings checks back into their queue: at their next time; one whose answer cannot be processed
 * later, and in the end aside.
 */
@Singleton
class CheckQueue {

  private static final Logger LOG = Logger.getLogger(CheckQueue.class);

  /** The kind of what is set aside here; the key is the task's id. */
  private static final String SET_ASIDE = "check";

  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);
  private static final Duration MAX_AFTER_FAILURE = Duration.ofMinutes(5);

  private final Jdbi jdbi;
  private final ReconcileStore store;
  private final SetAside setAside;
  private final Event<CheckRequested> checkRequested;
  private final Tasks tasks;
  private final Duration expireAfter;
  private final Clock clock;
  private final Backoff failures = new Backoff(AFTER_FAILURE, MAX_AFTER_FAILURE);
  private final Attempts attempts = new Attempts();
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  CheckQueue(
      Jdbi jdbi,
      ReconcileStore store,
      SetAside setAside,
      Event<CheckRequested> checkRequested,
      Tasks tasks,
      UpstreamConfig upstream,
      Clock clock) {
    this.jdbi = jdbi;
    this.store = store;
    this.setAside = setAside;
    this.checkRequested = checkRequested;
    this.tasks = tasks;
    this.expireAfter = upstream.expireAfter();
    this.clock = clock;
    setAside.register(
        SET_ASIDE, "exists (select from open_task o where o.task_id = s.key)", this::putBack);
  }

  /** Asks about them again at their times; whoever requested that meanwhile is served at once. */
  void reschedule(List<Reschedule> rescheduled) {
    Batch.apply(
        rescheduled, this::write, (reschedule, failure) -> failed(reschedule.check(), failure));
  }

  private void write(List<Reschedule> rescheduled) {
    store
        .reschedule(rescheduled)
        .forEach(taskId -> checkRequested.fire(new CheckRequested(taskId)));
  }

  /** What was to become of one failed: it is asked about again later, or not any more. */
  void failed(Check check, RuntimeException failure) {
    int times = attempts.failed(check.taskId());
    if (!SetAside.isDue(failure, times)) {
      LOG.warnf(
          "taskId=%s an answer failed and is asked for again: %s",
          check.taskId(), SetAside.reason(failure));
      write(List.of(Reschedule.again(check, clock.instant().plus(failures.after(times, random)))));
      return;
    }
    attempts.done(check.taskId());
    Instant expiry = check.updatedAt().plus(expireAfter);
    setAside(check.taskId(), lookedAt(check, soonest(expiry)), failure, times);
    tasks.note(check.taskId(), Source.POLL, null, "set-aside", SetAside.reason(failure));
  }

  /** When one that is set aside is looked at again: to expire, or to give back its slot. */
  Instant lookedAt(Check check, Instant expiry) {
    Doubt doubt = check.doubt();
    if (doubt == null) {
      return expiry;
    }
    Instant slot = doubt.sentAt().plus(Doubts.HOLDS_SLOT);
    return slot.isAfter(clock.instant()) && slot.isBefore(expiry) ? slot : expiry;
  }

  /** This one could not even be claimed. */
  void unclaimed(String taskId, RuntimeException failure) {
    int times = attempts.failed(taskId);
    if (SetAside.isDue(failure, times)) {
      setAside(taskId, soonest(clock.instant().plus(expireAfter)), failure, times);
    }
  }

  private void setAside(String taskId, Instant due, RuntimeException failure, int times) {
    LOG.errorf("taskId=%s is not asked about any more: %s", taskId, SetAside.reason(failure));
    jdbi.useHandle(handle -> setAside.put(handle, SET_ASIDE, taskId, taskId, failure, times));
    jdbi.useHandle(handle -> store.setAside(handle, taskId, due));
  }

  private Instant soonest(Instant expiry) {
    Instant soonest = clock.instant().plus(SilenceSettler.EXPIRED_EVERY);
    return expiry.isBefore(soonest) ? soonest : expiry;
  }

  /** An administrator has it tried again. */
  private Runnable putBack(Handle handle, String taskId, Instant now) {
    store.putBack(handle, taskId, now);
    return () -> checkRequested.fire(new CheckRequested(taskId));
  }

  /** The answer of one was processed: its failures are forgotten. */
  void processed(Check check) {
    attempts.done(check.taskId());
  }
}
