package io.klingtracker.dispatch;

import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.retry.Backoff;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.CheckRequested;
import io.klingtracker.upstream.Doubts;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a task after its create was sent: Kling has it, refuses it, or its pool or
 * account, it waits for another try, or nobody knows whether it arrived.
 */
@Singleton
class CreateSettler {

  private static final Logger LOG = Logger.getLogger(CreateSettler.class);

  private static final String UNSURE =
      "sent, but whether Kling accepted it is not known yet (%s); asking";

  private static final String NOT_LET_THROUGH =
      "not accepted, turned away before Kling %s times: %s";

  /** With the waits between them, about two minutes. */
  static final int MAX_TURNED_AWAY = 8;

  private final DispatchStore store;
  private final ConfiguredAccounts accounts;
  private final Tasks tasks;
  private final Doubts doubts;
  private final Event<CheckRequested> checkRequested;
  private final CheckPlan checks;
  private final DispatchMetrics metrics;
  private final Clock clock;
  private final Backoff backoff;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  CreateSettler(
      DispatchStore store,
      ConfiguredAccounts accounts,
      Tasks tasks,
      Doubts doubts,
      Event<CheckRequested> checkRequested,
      CheckPlan checks,
      DispatchConfig config,
      DispatchMetrics metrics,
      Clock clock) {
    this.store = store;
    this.accounts = accounts;
    this.tasks = tasks;
    this.doubts = doubts;
    this.checkRequested = checkRequested;
    this.checks = checks;
    this.metrics = metrics;
    this.clock = clock;
    this.backoff = ConfiguredBackoff.deferred(config);
  }

  /**
   * Kling answered, or nobody knows whether it did; durable when this returns.
   *
   * @return whether the task waits for another slot now
   */
  boolean settle(Claim claim, CreateAnswer answer) {
    metrics.created(claim.account(), answer);
    if (answer instanceof CreateAnswer.NotSent notSent) {
      accounts.failed(claim.account(), notSent.reason());
      store.release(claim, retryAt(claim), "Kling cannot be reached: " + notSent.reason());
      return false;
    }
    if (answer instanceof CreateAnswer.Unknown unknown) {
      accounts.failed(claim.account(), unknown.reason());
      unanswered(claim, unknown.reason());
      return false;
    }
    accounts.answered(claim.account());
    if (answer instanceof CreateAnswer.TurnedAway turned) {
      turnedAway(claim, turned.reason());
      return true;
    } else if (answer instanceof CreateAnswer.Accepted accepted) {
      adopt(claim, accepted.news());
      accounts.accepted(claim);
    } else if (answer instanceof CreateAnswer.Exists exists) {
      doubt(claim, Doubts.Cause.EXISTS, exists.message());
    } else if (answer instanceof CreateAnswer.Refused refused) {
      refuse(claim, refused.code(), refused.message());
    } else if (answer instanceof CreateAnswer.Throttled throttled) {
      if (throttled.isFull()) {
        metrics.full(claim.pool(), accounts.full(claim));
      } else {
        accounts.busy(claim);
      }
      // The pool waits, not the task: it stays the first in its queue.
      store.release(
          claim,
          clock.instant(),
          "Kling put it off: "
              + (throttled.code() == null ? "" : throttled.code() + " ")
              + throttled.message());
      return true;
    } else if (answer instanceof CreateAnswer.AccountRefused refused
        && AnswerTable.builtIn().about(refused.code()) == AnswerTable.About.MODEL
        && claim.slotModel().equals(ModelMapping.OTHER)) {
      // A right is one to a model; that one name has none says nothing about all others.
      refuse(claim, refused.code(), refused.message());
    } else if (answer instanceof CreateAnswer.AccountRefused refused) {
      accounts.park(claim, refused);
      store.release(
          claim,
          clock.instant(),
          "Kling refused account %s%s: %s %s"
              .formatted(
                  claim.account(),
                  refused.credential() == null ? "" : ", its " + refused.credential().label(),
                  refused.code(),
                  refused.message()));
      return true;
    }
    return false;
  }

  private void refuse(Claim claim, @Nullable Integer code, String message) {
    tasks.refuse(
        claim.taskId(), claim.held(), Source.DISPATCH, new TaskSignal.Failed(code, message));
  }

  /**
   * Something in front of Kling does not let it through, be it for what it says or for a mistake
   * that passes: it gives its slot back and is tried a few times more.
   */
  private void turnedAway(Claim claim, String reason) {
    int times = store.turnedAway(claim);
    if (times >= MAX_TURNED_AWAY) {
      LOG.warnf(
          "taskId=%s account=%s not let through to Kling: %s",
          claim.taskId(), claim.account(), reason);
      refuse(claim, null, NOT_LET_THROUGH.formatted(times, reason));
    } else if (store.release(
        claim,
        clock.instant().plus(backoff.after(times, random)),
        "turned away before Kling %s times, sent again later: %s".formatted(times, reason))) {
      tasks.note(claim.taskId(), Source.DISPATCH, null, "turned-away", reason);
    }
  }

  /** The create may have arrived: Kling is asked for it. */
  void unanswered(Claim claim, String reason) {
    doubt(claim, Doubts.Cause.NO_ANSWER, reason);
  }

  private void doubt(Claim claim, Doubts.Cause cause, String why) {
    String reason = UNSURE.formatted(why);
    if (doubts.begin(claim.taskId(), claim.held(), cause, reason)) {
      LOG.warnf(
          "taskId=%s account=%s doubt=%s %s",
          claim.taskId(), claim.account(), cause.wireName(), why);
      tasks.note(claim.taskId(), Source.DISPATCH, null, "in-doubt", reason);
      checkRequested.fire(new CheckRequested(claim.taskId()));
    }
  }

  /** Kling has the task. Should it say more than that, it is asked about it like any other. */
  private void adopt(Claim claim, KlingNews news) {
    Instant now = clock.instant();
    boolean accepted = news.status() == KlingStatus.SUBMITTED;
    tasks.apply(
        new News(
            claim.taskId(),
            Source.DISPATCH,
            new TaskSignal.Submitted(),
            news.klingTaskId(),
            null,
            accepted ? checks.first(claim.ref(), now) : now,
            accepted ? news.word() : "submitted"));
    if (!accepted) {
      checkRequested.fire(new CheckRequested(claim.taskId()));
    }
  }

  /** When a claim that failed is tried again: the later the more often it was claimed. */
  Instant retryAt(Claim claim) {
    return clock.instant().plus(backoff.after(claim.held().attempts(), random));
  }
}
