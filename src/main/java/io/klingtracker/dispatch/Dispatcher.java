package io.klingtracker.dispatch;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.retry.Backoff;
import io.klingtracker.rules.Body;
import io.klingtracker.rules.Kind;
import io.klingtracker.rules.Kinds;
import io.klingtracker.rules.UpstreamBody;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.tracking.CallbackTarget;
import io.klingtracker.tracking.CheckPlan;
import io.klingtracker.tracking.KlingWords;
import io.klingtracker.tracking.TrackingConfig;
import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Brings stored tasks to Kling: claims them while slots are free, sends each create once, and
 * resolves creates of which nobody knows whether they arrived by asking for our own {@code
 * external_task_id}. Nothing is sent while that is open.
 */
@Singleton
class Dispatcher {

  private static final Logger LOG = Logger.getLogger(Dispatcher.class);
  private static final double JITTER = 0.2;

  private final DispatchStore store;
  private final Tasks tasks;
  private final KlingClient kling;
  private final CallbackTarget callbacks;
  private final CheckPlan checks;
  private final DispatchConfig config;
  private final Clock clock;
  private final ExecutorService executor;
  private final Map<String, Integer> limits;
  private final Duration expireAfter;
  private final Backoff backoff;
  private final RandomGenerator random = RandomGenerator.getDefault();
  private final Set<String> inFlight = ConcurrentHashMap.newKeySet();
  private @Nullable WorkLoop loop;

  @Inject
  Dispatcher(
      DispatchStore store,
      Tasks tasks,
      KlingClient kling,
      KlingConfig accounts,
      CallbackTarget callbacks,
      CheckPlan checks,
      TrackingConfig tracking,
      DispatchConfig config,
      Clock clock,
      ExecutorService executor) {
    this.store = store;
    this.tasks = tasks;
    this.kling = kling;
    this.callbacks = callbacks;
    this.checks = checks;
    this.config = config;
    this.clock = clock;
    this.executor = executor;
    this.limits =
        accounts.accounts().entrySet().stream()
            .collect(
                Collectors.toUnmodifiableMap(
                    Map.Entry::getKey, entry -> entry.getValue().maxParallel()));
    this.expireAfter = tracking.expireAfter();
    this.backoff = new Backoff(config.retryFirst(), config.retryCap(), JITTER);
  }

  void onStart(@Observes StartupEvent start) {
    if (config.enabled()) {
      loop = WorkLoop.start("dispatcher", config.poll(), this::runOnce);
    }
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (loop != null) {
      loop.close();
    }
  }

  void onChange(@Observes TasksChanged changes) {
    if (loop != null && (changes.queued() || changes.ended())) {
      loop.wake();
    }
  }

  /**
   * One pass: deadlines, creates in doubt, then new ones. True when a full batch suggests that
   * there is more.
   */
  boolean runOnce() {
    store.renew(inFlight);
    failLate();
    int room = Math.min(config.batch(), config.maxInFlight() - inFlight.size());
    if (room <= 0) {
      return false;
    }
    List<Claim> doubtful = store.claimUnknown(room);
    doubtful.forEach(claim -> track(claim, resolve(claim)));
    if (doubtful.size() >= room) {
      return true;
    }
    Instant forgotten = clock.instant().plus(expireAfter);
    List<Claim> fresh = store.claim(limits, room - doubtful.size(), forgotten);
    fresh.forEach(claim -> track(claim, send(claim)));
    return fresh.size() + doubtful.size() >= room;
  }

  private void failLate() {
    for (String taskId : store.late(config.batch())) {
      tasks.apply(
          News.of(
              taskId,
              Source.DEADLINE,
              new TaskSignal.Failed(
                  null, "not dispatched before its deadline; nothing was sent to Kling")));
    }
  }

  private void track(Claim claim, CompletionStage<Void> work) {
    inFlight.add(claim.taskId());
    work.whenComplete(
        (done, failure) -> {
          inFlight.remove(claim.taskId());
          if (failure != null) {
            // The lease runs out and the task is looked at again; nothing is lost.
            LOG.warnf(
                "taskId=%s dispatch did not settle: %s", claim.taskId(), failure.getMessage());
          }
          if (loop != null) {
            loop.wake();
          }
        });
  }

  private CompletionStage<Void> send(Claim claim) {
    Kind kind = Kinds.ofName(claim.kind()).orElseThrow();
    String body =
        UpstreamBody.of(
            kind,
            Body.parse(claim.body()),
            claim.upstreamModel(),
            claim.taskId(),
            callbacks.url(claim.taskId()));
    return kling
        .create(claim.account(), kind.createPath(claim.upstreamModel()), body)
        .thenComposeAsync(answer -> settle(claim, answer), executor);
  }

  private CompletionStage<Void> settle(Claim claim, CreateAnswer answer) {
    if (answer instanceof CreateAnswer.Accepted accepted) {
      adopt(claim, accepted.news());
    } else if (answer instanceof CreateAnswer.Exists) {
      return resolve(claim);
    } else if (answer instanceof CreateAnswer.Refused refused) {
      tasks.apply(
          News.of(
              claim.taskId(),
              Source.DISPATCH,
              new TaskSignal.Failed(refused.code(), refused.message())));
    } else if (answer instanceof CreateAnswer.Throttled throttled) {
      store.release(
          claim,
          retryAt(claim),
          "Kling put it off: " + throttled.code() + " " + throttled.message());
    } else if (answer instanceof CreateAnswer.AccountRefused refused) {
      LOG.errorf(
          "account=%s errorCode=%d refused by Kling: %s",
          claim.account(), refused.code(), refused.message());
      store.release(
          claim,
          retryAt(claim),
          "Kling refused account "
              + claim.account()
              + ": "
              + refused.code()
              + " "
              + refused.message());
    } else if (answer instanceof CreateAnswer.NotSent notSent) {
      store.release(claim, retryAt(claim), "Kling cannot be reached: " + notSent.reason());
    } else if (answer instanceof CreateAnswer.Unknown unknown) {
      store.keep(
          claim,
          clock.instant().plus(config.retryFirst()),
          "sent, but whether Kling accepted it is not known yet ("
              + unknown.reason()
              + "); asking");
    }
    return java.util.concurrent.CompletableFuture.completedFuture(null);
  }

  /** Asks Kling whether it has our task. */
  private CompletionStage<Void> resolve(Claim claim) {
    Kind kind = Kinds.ofName(claim.kind()).orElseThrow();
    return kling
        .query(claim.account(), kind.queryByOwnIdPath(claim.taskId()))
        .thenComposeAsync(answer -> settle(claim, answer), executor);
  }

  private CompletionStage<Void> settle(Claim claim, QueryAnswer answer) {
    if (answer instanceof QueryAnswer.Found found) {
      adopt(claim, found.news());
    } else if (answer instanceof QueryAnswer.NotFound) {
      return resendWhenSafe(claim);
    } else if (answer instanceof QueryAnswer.NoAnswer none) {
      store.keep(
          claim,
          retryAt(claim),
          "sent, but whether Kling accepted it is not known yet (" + none.reason() + "); asking");
    }
    return java.util.concurrent.CompletableFuture.completedFuture(null);
  }

  private CompletionStage<Void> resendWhenSafe(Claim claim) {
    Instant sent = claim.sentBefore();
    Instant safe = (sent == null ? clock.instant() : sent).plus(config.resendAfter());
    if (clock.instant().isBefore(safe)) {
      // A create under way may still arrive; Kling has to go on not knowing it until that cannot
      // be.
      store.keep(
          claim,
          safe,
          "sent, but Kling does not know it; it is sent again when the first cannot arrive any more");
    } else if (store.resend(claim)) {
      return send(claim);
    }
    return java.util.concurrent.CompletableFuture.completedFuture(null);
  }

  /** Kling has the task: whatever it says of it, it was accepted first. */
  private void adopt(Claim claim, KlingNews said) {
    Instant nextCheck = checks.first();
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
      KlingWords.toNews(claim.taskId(), Source.DISPATCH, said, nextCheck).ifPresent(tasks::apply);
    }
  }

  private Instant retryAt(Claim claim) {
    return clock.instant().plus(backoff.after(claim.attempts(), random));
  }
}
