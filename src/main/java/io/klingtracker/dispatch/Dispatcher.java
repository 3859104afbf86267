package io.klingtracker.dispatch;

import io.klingtracker.database.SqlStates;
import io.klingtracker.kling.AnswerTable;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingLists;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.QueryAnswer;
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
import io.klingtracker.tracking.CallbackTarget;
import io.klingtracker.tracking.CheckPlan;
import io.klingtracker.tracking.KlingWords;
import io.klingtracker.tracking.Reports;
import io.klingtracker.tracking.TrackingConfig;
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
 * Brings stored tasks to Kling: claims them while slots are free, sends each create once, and
 * resolves creates of which nobody knows whether they arrived by asking for our own {@code
 * external_task_id}. Nothing is sent while that is open.
 */
@Singleton
class Dispatcher {

  private static final Logger LOG = Logger.getLogger(Dispatcher.class);

  /** The kind of what is set aside here; the key is the task's id. */
  private static final String SET_ASIDE = "dispatch";

  private static final String TOO_LATE =
      "not dispatched before its deadline; Kling does not have it";
  private static final String UNSURE =
      "sent, but whether Kling accepted it is not known yet (%s); asking";

  private static final String NOT_LET_THROUGH =
      "not accepted, turned away before Kling %d times: %s";

  /** With the waits between them, about two minutes. */
  static final int MAX_TURNED_AWAY = 8;

  private final Jdbi jdbi;
  private final DispatchStore store;
  private final BodyRoom bodies;
  private final SetAside setAside;
  private final Accounting accounts;
  private final Tasks tasks;
  private final KlingClient kling;
  private final NewestTasks newest;
  private final CallbackTarget callbacks;
  private final CheckPlan checks;
  private final Reports reports;
  private final DispatchConfig config;
  private final DispatchMetrics metrics;
  private final Clock clock;
  private final ExecutorService executor;
  private final Duration expireAfter;
  private final Backoff backoff;
  private final RandomGenerator random = RandomGenerator.getDefault();
  private final Map<String, Claim> inFlight = new ConcurrentHashMap<>();
  private final Attempts attempts = new Attempts();
  private volatile Instant nextRenewal = Instant.MIN;
  private volatile Instant nextLook = Instant.MIN;
  private volatile Runnable whenSettled = () -> {};

  @Inject
  Dispatcher(
      Jdbi jdbi,
      DispatchStore store,
      BodyRoom bodies,
      SetAside setAside,
      Accounting accounts,
      Tasks tasks,
      KlingClient kling,
      KlingLists lists,
      CallbackTarget callbacks,
      CheckPlan checks,
      Reports reports,
      TrackingConfig tracking,
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
    this.newest = new NewestTasks(lists, config.lookupPages());
    this.callbacks = callbacks;
    this.checks = checks;
    this.reports = reports;
    this.config = config;
    this.metrics = metrics;
    this.clock = clock;
    this.executor = executor;
    this.expireAfter = tracking.expireAfter();
    this.backoff = new Backoff(config.retryFirst(), config.retryCap(), ConfiguredWaits.JITTER);
    metrics.inFlight(inFlight::size);
    setAside.register(
        SET_ASIDE, "exists (select from dispatch_queue q where q.task_id = s.key)", this::putBack);
  }

  /**
   * Who is told when a task is free again for another account, or a full house, or memory that a
   * body waits for, has room again.
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
   * One pass: new tasks first, since somebody waits for them, then, as often as the poll, leases,
   * deadlines and creates in doubt. True when a full batch suggests that there is more.
   */
  boolean runOnce() {
    Instant now = clock.instant();
    if (!now.isBefore(nextRenewal)) {
      nextRenewal = now.plus(config.lease().dividedBy(3));
      Batch.apply(
          inFlight.values(),
          store::renew,
          (claim, failure) ->
              LOG.warnf(
                  "taskId=%s its lease is not renewed: %s",
                  claim.taskId(), SetAside.reason(failure)));
    }
    boolean more = false;
    if (!now.isBefore(nextLook)) {
      nextLook = now.plus(config.poll());
      failLate();
      int room = room();
      List<Claim> sent =
          room <= 0
              ? List.of()
              : Batch.claim(
                  () -> store.claimSent(room),
                  () -> store.dueSent(room),
                  store::claimSent,
                  this::unclaimed);
      sent.forEach(claim -> track(claim, () -> resolve(claim, false)));
      more = room > 0 && sent.size() >= room;
      if (more) {
        nextLook = now;
      }
    }
    int room = room();
    if (room > 0) {
      Instant checkAt = now.plus(expireAfter);
      List<Claim> fresh =
          Batch.claim(
              () -> store.claim(accounts::judge, room, checkAt),
              () -> store.due(accounts::judge, room),
              only -> store.claim(accounts::judge, only, checkAt),
              this::unclaimed);
      fresh.forEach(bodies::hold);
      fresh.forEach(
          claim ->
              track(
                  claim.withoutBody(),
                  () -> send(claim.withoutBody(), Objects.requireNonNull(claim.body()))));
      more |= fresh.size() >= room;
    }
    return more;
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

  /** Out of the queue until an administrator has it tried again; a doubt keeps its slot. */
  private void setAside(String taskId, Throwable failure, int times) {
    LOG.errorf("taskId=%s its dispatch is set aside: %s", taskId, SetAside.reason(failure));
    attempts.done(taskId);
    jdbi.useHandle(handle -> setAside.put(handle, SET_ASIDE, taskId, taskId, failure, times));
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
   * It may have arrived at Kling, so it is asked for again later; where that is of no use, it is
   * set aside. Should this fail too, its lease runs out and it is looked at again; nothing is lost.
   */
  private void failed(Claim claim, Throwable failure) {
    LOG.warnf("taskId=%s dispatch did not settle: %s", claim.taskId(), SetAside.reason(failure));
    if (SqlStates.isDatabaseAway(failure)) {
      return;
    }
    Runnable decided =
        () -> {
          String reason = SetAside.reason(failure);
          if (SetAside.isDue(failure, claim.held().attempts())) {
            store.keep(claim, SetAside.NEVER, "set aside: " + reason);
            setAside(claim.taskId(), failure, claim.held().attempts());
          } else {
            store.keep(claim, retryAt(claim), UNSURE.formatted(reason));
          }
        };
    try {
      executor.execute(
          () -> {
            try {
              decided.run();
            } catch (RuntimeException e) {
              LOG.warnf("taskId=%s waits for its lease: %s", claim.taskId(), SetAside.reason(e));
            }
          });
    } catch (RejectedExecutionException e) {
      LOG.debugf("taskId=%s waits for its lease: shutting down", claim.taskId());
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
   * Past this the create may not leave any more: well before another replica, having taken the
   * claim over, may send it again.
   */
  private Instant notAfter(Claim claim) {
    Duration shorter =
        config.lease().compareTo(config.resendAfter()) < 0 ? config.lease() : config.resendAfter();
    return claim.sentAt().plus(shorter.dividedBy(2));
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
      store.keep(
          claim, clock.instant().plus(config.retryFirst()), UNSURE.formatted(unknown.reason()));
      return done();
    }
    accounts.answered(claim.account());
    if (answer instanceof CreateAnswer.TurnedAway turned) {
      turnedAway(claim, turned.reason());
    } else if (answer instanceof CreateAnswer.Accepted accepted) {
      adopt(claim, accepted.news());
      accounts.accepted(claim);
    } else if (answer instanceof CreateAnswer.Exists) {
      return resolve(claim, true);
    } else if (answer instanceof CreateAnswer.Refused refused) {
      tasks.refuse(
          claim.taskId(),
          claim.held(),
          Source.DISPATCH,
          new TaskSignal.Failed(refused.code(), refused.message()));
    } else if (answer instanceof CreateAnswer.Throttled throttled) {
      if (throttled.isFull()) {
        accounts.full(claim);
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
      accounts.park(claim, refused.code(), refused.message());
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
    } else {
      store.release(
          claim,
          clock.instant().plus(backoff.after(times, random)),
          "turned away before Kling, for the %d. time: %s".formatted(times, reason));
    }
    whenSettled.run();
  }

  /**
   * Asks Kling whether it has our task: by our id, and where that finds nothing in its newest
   * lists.
   *
   * @param exists whether Kling has said that it has it
   */
  private CompletionStage<?> resolve(Claim claim, boolean exists) {
    Kind kind = Kinds.ofName(claim.kind()).orElseThrow();
    return kling
        .query(claim.account(), kind.queryByOwnIdPath(claim.taskId()))
        .thenCompose(
            answer ->
                answer instanceof QueryAnswer.NotFound
                    ? newest.find(claim, kind, clock.instant())
                    : CompletableFuture.completedFuture(answer))
        .thenComposeAsync(answer -> settle(claim, answer, exists), executor);
  }

  private CompletionStage<?> settle(Claim claim, QueryAnswer answer, boolean exists) {
    metrics.resolved(claim.account(), answer);
    if (answer instanceof QueryAnswer.Found found
        && !claim.taskId().equals(found.news().externalTaskId())) {
      store.keep(claim, retryAt(claim), UNSURE.formatted("it answered about another task"));
    } else if (answer instanceof QueryAnswer.Found found) {
      accounts.answered(claim.account());
      adopt(claim, found.news());
    } else if (answer instanceof QueryAnswer.NotFound) {
      accounts.answered(claim.account());
      if (!exists) {
        return resendWhenSafe(claim);
      }
      store.keep(
          claim, retryAt(claim), "Kling says that it has the task, but does not show it; asking");
    } else if (answer instanceof QueryAnswer.NoAnswer none) {
      store.keep(claim, retryAt(claim), UNSURE.formatted(none.reason()));
    }
    return done();
  }

  private CompletionStage<?> resendWhenSafe(Claim claim) {
    Instant now = clock.instant();
    Instant safe = claim.sentAt().plus(config.resendAfter());
    if (now.isBefore(safe)) {
      // A create under way may still arrive; Kling has to go on not knowing it until that cannot
      // be.
      store.keep(
          claim,
          safe,
          "sent, but Kling does not know it; it is sent again when the first cannot arrive any"
              + " more");
    } else if (claim.isLate(now)) {
      tasks.refuse(
          claim.taskId(), claim.held(), Source.DEADLINE, new TaskSignal.Failed(null, TOO_LATE));
    } else if (BodyRoom.isLarge(claim.bytes())) {
      store.release(claim, now, "Kling does not have it; it is sent again when it is its turn");
      whenSettled.run();
    } else {
      Optional<String> body = store.resend(claim, now);
      if (body.isPresent()) {
        return send(claim.sentAgain(now), body.get());
      }
    }
    return done();
  }

  /** Kling has the task: whatever it says of it, it was accepted first. */
  private void adopt(Claim claim, KlingNews said) {
    Instant nextCheck =
        checks.first(
            new CheckPlan.Watched(
                claim.kind(), claim.upstreamModel(), claim.account(), clock.instant()));
    tasks.apply(
        new News(
            claim.taskId(),
            Source.DISPATCH,
            new TaskSignal.Submitted(),
            said.klingTaskId(),
            null,
            nextCheck,
            KlingStatus.SUBMITTED == said.status() ? said.word() : "submitted"));
    if (said.status() != KlingStatus.SUBMITTED) {
      KlingWords.toNews(claim.taskId(), Source.DISPATCH, said, nextCheck)
          .ifPresent(news -> book(claim, said, news));
    }
  }

  /** One that had ended already when it was looked up is an end like any other. */
  private void book(Claim claim, KlingNews said, News news) {
    Long lead = said.status().isFinal() ? store.lead(claim.taskId()) : null;
    reports.book(
        List.of(
            new Reports.Report(
                claim.taskId(),
                claim.kind(),
                claim.upstreamModel(),
                claim.account(),
                Source.DISPATCH,
                said,
                tasks.apply(news),
                lead,
                true)));
  }

  private Instant retryAt(Claim claim) {
    return clock.instant().plus(backoff.after(claim.held().attempts(), random));
  }

  private static CompletionStage<?> done() {
    return CompletableFuture.completedFuture(null);
  }
}
