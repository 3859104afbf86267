package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.tracking.CheckPlan;
import io.klingtracker.tracking.CheckRequested;
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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Asks Kling about tasks that stay silent, and at once about those of which an unproved callback
 * says that they ended. What Kling answers itself needs no further proof.
 */
@Singleton
class Reconciler {

  private static final Logger LOG = Logger.getLogger(Reconciler.class);

  private final ReconcileStore store;
  private final Tasks tasks;
  private final KlingClient kling;
  private final CheckPlan plan;
  private final ReconcileConfig config;
  private final Duration expireAfter;
  private final Clock clock;
  private final ExecutorService executor;
  private final AtomicInteger inFlight = new AtomicInteger();
  private @Nullable WorkLoop loop;

  @Inject
  Reconciler(
      ReconcileStore store,
      Tasks tasks,
      KlingClient kling,
      CheckPlan plan,
      ReconcileConfig config,
      TrackingConfig tracking,
      Clock clock,
      ExecutorService executor) {
    this.store = store;
    this.tasks = tasks;
    this.kling = kling;
    this.plan = plan;
    this.config = config;
    this.expireAfter = tracking.expireAfter();
    this.clock = clock;
    this.executor = executor;
  }

  void onStart(@Observes StartupEvent start) {
    loop = WorkLoop.start("reconciler", config.poll(), this::runOnce);
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (loop != null) {
      loop.close();
    }
  }

  void onRequest(@Observes CheckRequested request) {
    if (loop != null) {
      loop.wake();
    }
  }

  /** One pass; true when a full batch suggests that there is more. */
  boolean runOnce() {
    int room = Math.min(config.batch(), config.maxInFlight() - inFlight.get());
    if (room <= 0) {
      return false;
    }
    List<Check> due = store.claim(room);
    due.forEach(this::ask);
    return due.size() >= room;
  }

  private void ask(Check check) {
    inFlight.incrementAndGet();
    kling
        .query(check.account(), check.queryPath())
        .thenAcceptAsync(answer -> settle(check, answer), executor)
        .whenComplete(
            (done, failure) -> {
              inFlight.decrementAndGet();
              if (failure != null) {
                // The lease runs out and it is asked again.
                LOG.warnf(
                    "taskId=%s check did not settle: %s", check.taskId(), failure.getMessage());
              }
            });
  }

  private void settle(Check check, QueryAnswer answer) {
    boolean ended = answer instanceof QueryAnswer.Found found && tell(check, found.news());
    if (ended) {
      return;
    }
    Instant now = clock.instant();
    Duration age = Duration.between(check.createdAt(), now);
    if (age.compareTo(config.giveUpAfter()) > 0) {
      store.giveUp(check);
    } else if (age.compareTo(expireAfter) > 0) {
      if (check.status() != TaskStatus.EXPIRED) {
        tasks.apply(
            News.of(
                check.taskId(),
                Source.POLL,
                new TaskSignal.Expired(
                    "no news from Kling for " + expireAfter.toSeconds() + " s")));
      }
      store.later(check, now.plus(config.expiredEvery()));
    } else {
      store.later(check, plan.afterChecks(check.checks()));
    }
  }

  /** True when that ended the task. */
  private boolean tell(Check check, KlingNews said) {
    return KlingWords.toNews(check.taskId(), Source.POLL, said, null)
        .map(
            news -> {
              // What we know already is no news; only changes and contradictions are worth a line
              // in the timeline.
              if (news.signal().status() == check.status()) {
                return false;
              }
              Outcome outcome = tasks.apply(news);
              return outcome instanceof Outcome.Moved moved && moved.change().status().isFinal()
                  || outcome instanceof Outcome.Ignored ignored && ignored.status().isFinal();
            })
        .orElse(false);
  }
}
