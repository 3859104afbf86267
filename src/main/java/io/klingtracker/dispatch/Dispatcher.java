package io.klingtracker.dispatch;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.RequestRules;
import io.klingtracker.catalog.UpstreamBody;
import io.klingtracker.database.SqlStates;
import io.klingtracker.json.Body;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.KnownModels;
import io.klingtracker.upstream.UpstreamConfig;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
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

  /** Most tasks claimed at once. */
  static final int BATCH = 50;

  /** The longest time between two looks, should a wake-up be lost. */
  static final Duration POLL = Duration.ofMillis(500);

  private static final Logger LOG = Logger.getLogger(Dispatcher.class);

  /** How often claims of ours are sought that nobody works on. */
  private static final Duration LET_GO_EVERY = Duration.ofSeconds(5);

  /** How long tasks wait for a kind that this replica's catalogue does not have. */
  static final Duration KIND_GONE_AFTER = GoneAccounts.GONE_AFTER;

  private static final String KIND_GONE =
      "no such kind of task any more: %s; " + TaskRequests.NOTHING_SENT;

  private static final String TOO_LATE =
      "not dispatched before its deadline; Kling does not have it";

  private final Jdbi jdbi;
  private final DispatchStore store;
  private final BodyRoom bodies;
  private final SetAside setAside;
  private final ConfiguredAccounts accounts;
  private final CreateSettler settler;
  private final Tasks tasks;
  private final KlingClient kling;
  private final CallbackTarget callbacks;
  private final KnownModels models;
  private final DispatchConfig config;
  private final Clock clock;
  private final ExecutorService executor;
  private final Duration resendAfter;
  private final Map<String, Claim> inFlight = new ConcurrentHashMap<>();

  /** Since when kinds of tasks that wait were not in the catalogue; a few at the most. */
  private final Map<String, Instant> missed = new ConcurrentHashMap<>();

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
      CreateSettler settler,
      Tasks tasks,
      KlingClient kling,
      CallbackTarget callbacks,
      UpstreamConfig upstream,
      KnownModels models,
      DispatchConfig config,
      DispatchMetrics metrics,
      Clock clock,
      ExecutorService executor) {
    this.jdbi = jdbi;
    this.store = store;
    this.bodies = bodies;
    this.setAside = setAside;
    this.accounts = accounts;
    this.settler = settler;
    this.tasks = tasks;
    this.kling = kling;
    this.callbacks = callbacks;
    this.models = models;
    this.config = config;
    this.clock = clock;
    this.executor = executor;
    this.resendAfter = upstream.resendAfter();
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
      nextLook = now.plus(POLL);
      missed.keySet().removeIf(kind -> Catalog.current().ofName(kind).isPresent());
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
    return Math.min(BATCH, config.maxInFlight() - inFlight.size());
  }

  private void failLate() {
    List<String> late = store.late(BATCH);
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
              settler.unanswered(claim, SetAside.reason(failure));
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
      store.release(claim, settler.retryAt(claim), "it cannot be made ready: " + reason);
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
      Optional<Kind> known = Catalog.current().ofName(claim.ref().kind());
      if (known.isEmpty()) {
        return withoutKind(claim);
      }
      Kind kind = known.get();
      if (models.isDiscontinued(claim.ref().model())
          || kind.isRetired(
              claim.ref().model(), LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC))) {
        return retired(claim);
      }
      path = kind.createPath(claim.ref().model());
      body =
          UpstreamBody.of(
              kind,
              Body.parse(given),
              claim.ref().model(),
              claim.taskId(),
              callbacks.url(claim.taskId()));
      // Also where a catalogue that lost the model meanwhile counts it like any other of its kind.
      if (claim.unnamed() || !kind.takesExternalTaskId(claim.ref().model())) {
        store.unnamed(claim, Doubts.promptHash(UpstreamBody.prompt(kind, body)));
      }
    } catch (RuntimeException e) {
      return unsendable(claim, e);
    }
    accounts.sends(claim.account());
    return kling
        .create(claim.account(), path, body, notAfter(claim))
        .thenAcceptAsync(answer -> settle(claim, answer.about(claim.taskId())), executor);
  }

  private void settle(Claim claim, CreateAnswer answer) {
    if (settler.settle(claim, answer)) {
      whenSettled.run();
    }
  }

  /**
   * Its kind was taken out of the catalogue while it was queued. Other replicas may have another
   * overlay or version for a while; then it is theirs to send.
   */
  private CompletionStage<?> withoutKind(Claim claim) {
    String kind = claim.ref().kind();
    Instant now = clock.instant();
    Instant since = Objects.requireNonNullElse(missed.putIfAbsent(kind, now), now);
    if (now.isBefore(since.plus(KIND_GONE_AFTER))) {
      store.release(claim, settler.retryAt(claim), Catalog.noKind(kind));
      return done();
    }
    LOG.warnf("taskId=%s failed: %s", claim.taskId(), Catalog.noKind(kind));
    return refused(claim, new TaskSignal.Failed(null, KIND_GONE.formatted(kind)));
  }

  /** Kling has switched its model off while it was queued. */
  private CompletionStage<?> retired(Claim claim) {
    return refused(
        claim,
        new TaskSignal.Failed(
            ErrorCode.MODEL_DISCONTINUED.klingCode(),
            RequestRules.discontinued(String.valueOf(claim.ref().model()))));
  }

  /** Nothing is sent. */
  private CompletionStage<?> refused(Claim claim, TaskSignal.Failed why) {
    tasks.refuse(claim.taskId(), claim.held(), Source.DISPATCH, why);
    // Its slot is free.
    whenSettled.run();
    return done();
  }

  /**
   * Past this the create may not leave any more: well before anybody may send it again, whoever has
   * taken the claim over meanwhile.
   */
  private Instant notAfter(Claim claim) {
    return claim.sentAt().plus(resendAfter.dividedBy(2));
  }

  private static CompletionStage<?> done() {
    return CompletableFuture.completedFuture(null);
  }
}
