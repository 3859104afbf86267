package io.klingtracker.dispatch;

import io.klingtracker.database.SqlStates;
import io.klingtracker.kling.AnswerTable;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.retry.Backoff;
import io.klingtracker.rules.Body;
import io.klingtracker.rules.Kind;
import io.klingtracker.rules.Kinds;
import io.klingtracker.rules.ModelMapping;
import io.klingtracker.rules.UpstreamBody;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.CheckRequested;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.UpstreamConfig;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Brings stored tasks to Kling: claims them while slots are free and sends each create once. One of
 * which nobody knows whether it arrived is left in doubt, see {@link Doubts}: the reconciler asks
 * for it, and nothing is sent while that is open.
 */
@Singleton
class Dispatcher {

  private static final Logger LOG = Logger.getLogger(Dispatcher.class);

  /** How often claims of ours are sought that nobody works on. */
  private static final Duration LET_GO_EVERY = Duration.ofSeconds(5);

  private static final String TOO_LATE =
      "not dispatched before its deadline; Kling does not have it";
  private static final String UNSURE =
      "sent, but whether Kling accepted it is not known yet (%s); asking";

  private static final String NOT_LET_THROUGH =
      "not accepted, turned away before Kling %s times: %s";

  /** With the waits between them, about two minutes. */
  static final int MAX_TURNED_AWAY = 8;

  private final Jdbi jdbi;
  private final DispatchStore store;
  private final BodyRoom bodies;
  private final SetAside setAside;
  private final ConfiguredAccounts accounts;
  private final Tasks tasks;
  private final KlingClient kling;
  private final Doubts doubts;
  private final Event<CheckRequested> checkRequested;
  private final CallbackTarget callbacks;
  private final CheckPlan checks;
  private final DispatchConfig config;
  private final DispatchMetrics metrics;
  private final Clock clock;
  private final ExecutorService executor;
  private final Duration resendAfter;
  private final Backoff backoff;
  private final RandomGenerator random = RandomGenerator.getDefault();
  private final Map<String, Claim> inFlight = new ConcurrentHashMap<>();
  private final Attempts attempts = new Attempts();
  private volatile Instant nextLetGo = Instant.MIN;
  private volatile Instant nextLook = Instant.MIN;
  private volatile Runnable whenSettled = () -> {};

  @Inject
  Dispatcher(
      Jdbi jdbi,
      DispatchStore store,
      BodyRoom bodies,
      SetAside setAside,
      ConfiguredAccounts accounts,
      Tasks tasks,
      KlingClient kling,
      Doubts doubts,
      Event<CheckRequested> checkRequested,
      CallbackTarget callbacks,
      CheckPlan checks,
      UpstreamConfig upstream,
      DispatchConfig config,
      DispatchMetrics metrics,
      Clock clock,
      ExecutorService executor) {
    this.jdbi = jdbi;
    this.store = store;
    this.bodies = bodies;
    this.setAside = setAside;
    this.accounts = accounts;
    this.tasks = tasks;
    this.kling = kling;
    this.doubts = doubts;
    this.checkRequested = checkRequested;
    this.callbacks = callbacks;
    this.checks = checks;
    this.config = config;
    this.metrics = metrics;
    this.clock = clock;
    this.executor = executor;
    this.resendAfter = upstream.resendAfter();
    this.backoff = new Backoff(config.retryFirst(), config.retryCap(), ConfiguredBackoff.JITTER);
    metrics.inFlight(inFlight::size);
    setAside.register(
        Doubts.QUEUE,
        "exists (select from dispatch_queue q where q.task_id = s.key)",
        this::putBack);
  }

  /**
   * Who is notified when a task is free again for another account, or a full house, or memory that
   * a body waits for, has room again.
   */
  void onSettled(Runnable action) {
    whenSettled = action;
  }

  /** When the oldest task was stored that waits for Kling. */
  Optional<Instant> oldest() {
    return store.oldest();
  }

  /** Whether answers are still awaited. */
  boolean isBusy() {
    return !inFlight.isEmpty();
  }

  /**
   * One pass: as often as due, lost claims and deadlines, then what waits and has a slot. True when
   * a full batch suggests that there is more.
   */
  boolean runOnce() {
    Instant now = clock.instant();
    if (!now.isBefore(nextLetGo)) {
      nextLetGo = now.plus(LET_GO_EVERY);
      int lost = store.letGo(inFlight.keySet());
      if (lost > 0) {
        LOG.infof("%d creates whose claim or settlement was lost are asked about", lost);
      }
    }
    if (!now.isBefore(nextLook)) {
      nextLook = now.plus(config.poll());
      failLate();
    }
    int room = room();
    if (room <= 0) {
      return false;
    }
    List<Claim> fresh =
        Batch.claim(
            () -> store.claim(accounts::judge, room),
            () -> store.due(accounts::judge, room),
            only -> store.claim(accounts::judge, only),
            this::unclaimed);
    fresh.forEach(bodies::hold);
    fresh.forEach(
        claim ->
            track(
                claim.withoutBody(),
                () -> send(claim.withoutBody(), Objects.requireNonNull(claim.body()))));
    return fresh.size() >= room;
  }

  private int room() {
    return Math.min(config.batch(), config.maxInFlight() - inFlight.size());
  }

  private void failLate() {
    List<String> late = store.late(config.batch());
    Batch.apply(
        late,
        some -> tasks.withdrawLate(some, new TaskSignal.Failed(null, TOO_LATE), clock.instant()),
        this::unclaimed);
  }

  /** One that cannot even be claimed, or ended at its deadline. */
  private void unclaimed(String taskId, RuntimeException failure) {
    int times = attempts.failed(taskId);
    if (SetAside.isDue(failure, times)) {
      setAside(taskId, failure, times);
    } else {
      LOG.warnf("taskId=%s cannot be dispatched: %s", taskId, SetAside.reason(failure));
    }
  }

  /** Out of the queue until an administrator has it tried again. */
  private void setAside(String taskId, Throwable failure, int times) {
    attempts.done(taskId);
    jdbi.useTransaction(
        handle -> {
          if (store.lockUnsent(handle, taskId)) {
            setAside.put(handle, Doubts.QUEUE, taskId, taskId, failure, times);
            LOG.errorf("taskId=%s its dispatch is set aside: %s", taskId, SetAside.reason(failure));
          }
        });
    // Alone: it may be just this that fails, and the task is passed over all the same.
    jdbi.useHandle(handle -> store.setAside(handle, taskId));
  }

  private Runnable putBack(Handle handle, String taskId, Instant now) {
    store.putBack(handle, taskId, now);
    return () -> whenSettled.run();
  }

  private void track(Claim claim, Supplier<CompletionStage<?>> work) {
    inFlight.put(claim.taskId(), claim);
    begin(work)
        .whenComplete(
            (done, failure) -> {
              inFlight.remove(claim.taskId(), claim);
              if (failure != null) {
                failed(claim, failure);
              }
              boolean awaited = bodies.release(claim);
              if (awaited || inFlight.size() >= config.maxInFlight() - 1) {
                whenSettled.run();
              }
            });
  }

  /**
   * It may have arrived at Kling, so Kling is asked for it. Should this fail too, that happens a
   * little later; nothing is lost.
   */
  private void failed(Claim claim, Throwable failure) {
    LOG.warnf("taskId=%s dispatch did not settle: %s", claim.taskId(), SetAside.reason(failure));
    if (SqlStates.isDatabaseAway(failure)) {
      return;
    }
    try {
      executor.execute(
          () -> {
            try {
              doubt(claim, Doubts.Cause.NO_ANSWER, SetAside.reason(failure));
            } catch (RuntimeException e) {
              LOG.warnf("taskId=%s is asked about later: %s", claim.taskId(), SetAside.reason(e));
            }
          });
    } catch (RejectedExecutionException e) {
      LOG.debugf("taskId=%s is asked about by another: shutting down", claim.taskId());
    }
  }

  /** Nothing was sent, and nothing can be: its slot is another's. */
  private CompletionStage<?> unsendable(Claim claim, RuntimeException failure) {
    String reason = SetAside.reason(failure);
    if (SetAside.isDue(failure, claim.held().attempts())) {
      store.release(claim, SetAside.NEVER, "set aside: " + reason);
      setAside(claim.taskId(), failure, claim.held().attempts());
    } else {
      store.release(claim, retryAt(claim), "it cannot be made ready: " + reason);
    }
    return done();
  }

  /** One task that cannot even be begun must not keep the rest of its batch from being. */
  private static CompletionStage<?> begin(Supplier<CompletionStage<?>> work) {
    try {
      return work.get();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  private CompletionStage<?> send(Claim claim, String given) {
    String path;
    String body;
    try {
      Kind kind = Kinds.ofName(claim.kind()).orElseThrow();
      path = kind.createPath(claim.upstreamModel());
      body =
          UpstreamBody.of(
              kind,
              Body.parse(given),
              claim.upstreamModel(),
              claim.taskId(),
              callbacks.url(claim.taskId()));
    } catch (RuntimeException e) {
      return unsendable(claim, e);
    }
    accounts.sends(claim.account());
    return kling
        .create(claim.account(), path, body, notAfter(claim))
        .thenComposeAsync(answer -> settle(claim, answer.about(claim.taskId())), executor);
  }

  /**
   * Past this the create may not leave any more: well before anybody may send it again, whoever has
   * taken the claim over meanwhile.
   */
  private Instant notAfter(Claim claim) {
    return claim.sentAt().plus(resendAfter.dividedBy(2));
  }

  private CompletionStage<?> settle(Claim claim, CreateAnswer answer) {
    metrics.created(claim.account(), answer);
    if (answer instanceof CreateAnswer.NotSent notSent) {
      accounts.failed(claim.account(), notSent.reason());
      store.release(claim, retryAt(claim), "Kling cannot be reached: " + notSent.reason());
      return done();
    }
    if (answer instanceof CreateAnswer.Unknown unknown) {
      accounts.failed(claim.account(), unknown.reason());
      doubt(claim, Doubts.Cause.NO_ANSWER, unknown.reason());
      return done();
    }
    accounts.answered(claim.account());
    if (answer instanceof CreateAnswer.TurnedAway turned) {
      turnedAway(claim, turned.reason());
    } else if (answer instanceof CreateAnswer.Accepted accepted) {
      adopt(claim, accepted.news());
      accounts.accepted(claim);
    } else if (answer instanceof CreateAnswer.Exists exists) {
      doubt(claim, Doubts.Cause.EXISTS, exists.message());
    } else if (answer instanceof CreateAnswer.Refused refused) {
      tasks.refuse(
          claim.taskId(),
          claim.held(),
          Source.DISPATCH,
          new TaskSignal.Failed(refused.code(), refused.message()));
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
      whenSettled.run();
    } else if (answer instanceof CreateAnswer.AccountRefused refused
        && AnswerTable.about(refused.code()) == AnswerTable.About.MODEL
        && claim.slotModel().equals(ModelMapping.OTHER)) {
      // A right is one to a model; that one name has none says nothing about all others.
      tasks.refuse(
          claim.taskId(),
          claim.held(),
          Source.DISPATCH,
          new TaskSignal.Failed(refused.code(), refused.message()));
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
      whenSettled.run();
    }
    return done();
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
      tasks.refuse(
          claim.taskId(),
          claim.held(),
          Source.DISPATCH,
          new TaskSignal.Failed(null, NOT_LET_THROUGH.formatted(times, reason)));
    } else if (store.release(
        claim,
        clock.instant().plus(backoff.after(times, random)),
        "turned away before Kling %s times, sent again later: %s".formatted(times, reason))) {
      tasks.note(claim.taskId(), Source.DISPATCH, null, "turned-away", reason);
    }
    whenSettled.run();
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
            accepted
                ? checks.first(
                    new CheckPlan.Watched(
                        claim.kind(), claim.upstreamModel(), claim.account(), now))
                : now,
            accepted ? news.word() : "submitted"));
    if (!accepted) {
      checkRequested.fire(new CheckRequested(claim.taskId()));
    }
  }

  private Instant retryAt(Claim claim) {
    return clock.instant().plus(backoff.after(claim.held().attempts(), random));
  }

  private static CompletionStage<?> done() {
    return CompletableFuture.completedFuture(null);
  }
}
