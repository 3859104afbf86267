package io.klingtracker.dispatch;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.Presence;
import io.klingtracker.task.TasksChanged;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jboss.logging.Logger;

/** Runs the dispatcher: at once when a task was stored or a slot came free, else every poll. */
@Startup
@Singleton
class DispatchLifecycle {

  /** Between two looks when there was nothing more to send: what comes meanwhile shares one. */
  private static final Duration REST = Duration.ofMillis(10);

  /** At shutdown, how long answers that are under way are waited for. */
  private static final Duration DRAIN = Duration.ofSeconds(5);

  /** How often queue and slots are counted for metrics. */
  private static final Duration GAUGES_EVERY = Duration.ofSeconds(15);

  private static final Logger LOG = Logger.getLogger(DispatchLifecycle.class);
  private static final long DRAIN_STEP_MILLIS = 20;
  private static final Duration SWEEP_EVERY = Duration.ofMinutes(10);

  private final Dispatcher dispatcher;
  private final QueueReader reader;
  private final ConfiguredAccounts accounts;
  private final DispatchMetrics metrics;
  private final ModelSweep sweep;
  private final GoneAccounts gone;
  private final Clock clock;
  private final WorkLoop loop;
  private Instant nextCount = Instant.MIN;
  private Instant nextSweep = Instant.MIN;

  @Inject
  DispatchLifecycle(
      Dispatcher dispatcher,
      QueueReader reader,
      ConfiguredAccounts accounts,
      DispatchMetrics metrics,
      ModelSweep sweep,
      GoneAccounts gone,
      DispatchConfig config,
      Recovery recovery,
      Clock clock,
      DispatchStore store,
      Presence presence,
      Loops loops) {
    this.dispatcher = dispatcher;
    this.reader = reader;
    this.accounts = accounts;
    this.metrics = metrics;
    this.sweep = sweep;
    this.gone = gone;
    this.clock = clock;
    this.loop =
        WorkLoop.named("dispatcher")
            .every(Dispatcher.POLL)
            .rest(REST)
            .atEnd(this::drain)
            .oldest(dispatcher::oldest)
            .work(this::runOnce);
    dispatcher.onSettled(loop::wake);
    presence.frees("dispatch", store::freeDead, loop::wake);
    if (config.enabled()) {
      loops.add(loop);
    } else {
      recovery.onDone(() -> loops.add(loop));
      loops.add(WorkLoop.named("recovery").every(Recovery.TURN).work(recovery::runOnce));
    }
  }

  /** Answers that still come in are settled now rather than looked up by another replica later. */
  private void drain() {
    try {
      for (long left = DRAIN.toMillis();
          left > 0 && dispatcher.isBusy();
          left -= DRAIN_STEP_MILLIS) {
        Thread.sleep(DRAIN_STEP_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (dispatcher.isBusy()) {
      LOG.infof("answers are under way; others ask Kling about them");
    }
  }

  void onChange(@Observes TasksChanged changes) {
    if (changes.queued() || changes.ended()) {
      loop.wake();
    }
  }

  private boolean runOnce() {
    Instant now = clock.instant();
    if (!now.isBefore(nextSweep)) {
      // Before the first claim: what waits for a model that is mapped no more is claimed as one of
      // the others.
      sweep.run();
      nextSweep = gone.run() ? now : now.plus(SWEEP_EVERY);
    }
    boolean more = dispatcher.runOnce();
    if (!more && !now.isBefore(nextCount)) {
      nextCount = now.plus(GAUGES_EVERY);
      QueueReader.Queue queue = reader.queue();
      metrics.queue(queue.depth(), queue.oldest());
      metrics.accounts(accounts.all(), name -> accounts.breaker(name).ordinal());
    }
    return more;
  }
}
