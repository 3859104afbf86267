package io.klingtracker.dispatch;

import io.klingtracker.task.TasksChanged;
import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Runs the dispatcher: at once when a task was stored or a slot came free, else every poll. */
@Singleton
class DispatchLoop {

  private static final Logger LOG = Logger.getLogger(DispatchLoop.class);
  private static final long DRAIN_STEP_MILLIS = 20;

  private final Dispatcher dispatcher;
  private final Standings standings;
  private final Accounting accounts;
  private final DispatchMetrics metrics;
  private final DispatchConfig config;
  private final Clock clock;
  private @Nullable WorkLoop loop;
  private Instant nextCount = Instant.MIN;

  @Inject
  DispatchLoop(
      Dispatcher dispatcher,
      Standings standings,
      Accounting accounts,
      DispatchMetrics metrics,
      DispatchConfig config,
      Clock clock) {
    this.dispatcher = dispatcher;
    this.standings = standings;
    this.accounts = accounts;
    this.metrics = metrics;
    this.config = config;
    this.clock = clock;
  }

  void onStart(@Observes StartupEvent start) {
    if (config.enabled()) {
      WorkLoop started = WorkLoop.start("dispatcher", config.poll(), config.rest(), this::runOnce);
      dispatcher.onSettled(started::wake);
      loop = started;
    }
  }

  void onStop(@Observes ShutdownEvent stop) throws InterruptedException {
    WorkLoop running = loop;
    if (running == null) {
      return;
    }
    running.close();
    // Answers that still come in are settled now rather than looked up by another replica later.
    for (long left = config.drain().toMillis();
        left > 0 && dispatcher.isBusy();
        left -= DRAIN_STEP_MILLIS) {
      Thread.sleep(DRAIN_STEP_MILLIS);
    }
    if (dispatcher.isBusy()) {
      LOG.infof("answers are under way; after their leases they are looked up");
    }
  }

  void onChange(@Observes TasksChanged changes) {
    WorkLoop running = loop;
    if (running != null && (changes.queued() || changes.ended())) {
      running.wake();
    }
  }

  private boolean runOnce() {
    boolean more = dispatcher.runOnce();
    Instant now = clock.instant();
    if (!more && !now.isBefore(nextCount)) {
      nextCount = now.plus(config.gauges());
      Standings.Queue queue = standings.queue();
      metrics.queue(queue.depth(), queue.oldest());
      metrics.accounts(accounts.all(), name -> accounts.breaker(name).ordinal());
    }
    return more;
  }
}
