package io.klingtracker.api;

import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;
import org.jboss.logging.Logger;

/**
 * Goes through the statements of the hot paths a few times, about tasks that do not exist, before
 * this replica is sent requests: connections are open, statements prepared, classes loaded. Never
 * holds readiness up for longer than it may take.
 */
@Readiness
@ApplicationScoped
class WarmUp implements HealthCheck {

  private static final Logger LOG = Logger.getLogger(WarmUp.class);
  private static final String NOBODY = "warm-up";
  private static final int ROUNDS = 50;
  private static final int PAGE = 50;

  /** Longest time after the start that is spent on warming up before the service is ready. */
  private static final Duration MOST = Duration.ofSeconds(1);

  private final Tasks tasks;
  private final Clock clock;
  private volatile Instant until;

  @Inject
  WarmUp(Tasks tasks, Clock clock) {
    this.tasks = tasks;
    this.clock = clock;
    this.until = clock.instant().plus(MOST);
  }

  void onStart(@Observes StartupEvent start) {
    until = clock.instant().plus(MOST);
    Thread thread = new Thread(this::run, "warm-up");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    try {
      for (int round = 0; round < ROUNDS && clock.instant().isBefore(until); round++) {
        String none = TaskId.next(clock.instant());
        tasks.find(NOBODY, none);
        tasks.page(NOBODY, TaskFilter.ofKind(NOBODY), null, PAGE);
        tasks.apply(News.of(none, Source.ADMIN, new TaskSignal.Processing()));
      }
    } catch (RuntimeException e) {
      // Whether the database is there is another check's to say.
      LOG.debugf(e, "the warm-up ended early");
    } finally {
      until = clock.instant();
    }
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("warm-up").status(!clock.instant().isBefore(until)).build();
  }
}
