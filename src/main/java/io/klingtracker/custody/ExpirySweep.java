package io.klingtracker.custody;

import io.klingtracker.custody.ExpiryStore.Told;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.ResultsKept;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksChanged;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * Tells of results before Kling deletes them, unless there is a copy: once for each task, on one
 * replica at a time, in rounds over all tenants.
 */
@Startup
@Singleton
class ExpirySweep {

  /** From one round to the next. */
  static final Duration ROUND = Duration.ofMinutes(1);

  private final ExpiryStore store;
  private final ReplicaId me;
  private final Clock clock;
  private final Duration age;
  private final Event<TasksChanged> changes;
  private final Event<ResultsKept> events;
  private final Counter told;

  /** Behind which tenant the round continues. */
  private String after = "";

  /** Whether a tenant of this round has more. */
  private boolean more;

  @Inject
  ExpirySweep(
      ExpiryStore store,
      CustodyConfig config,
      ReplicaId me,
      Event<TasksChanged> changes,
      Event<ResultsKept> events,
      MeterRegistry meters,
      Clock clock,
      Loops loops) {
    this.store = store;
    this.me = me;
    this.clock = clock;
    this.age = Tasks.RESULT_LIFE.minus(config.warn());
    this.changes = changes;
    this.events = events;
    this.told =
        Counter.builder("tracker.custody.expiring")
            .description("Events that told of results about to be deleted at Kling")
            .register(meters);
    loops.add(WorkLoop.named("result-expiring").every(ROUND).work(this::runOnce));
  }

  /** The next tenants; true when another look is to follow at once. */
  boolean runOnce() {
    if (!store.isFirst(me)) {
      after = "";
      more = false;
      return false;
    }
    Instant now = clock.instant();
    Instant before = now.minus(age);
    List<String> tenants = store.reach(after, before);
    if (!tenants.isEmpty()) {
      tell(store.tell(tenants, before, now));
    }
    boolean continues = tenants.size() == ExpiryStore.TENANTS;
    boolean again = continues || more;
    after = continues ? tenants.get(tenants.size() - 1) : "";
    more &= continues;
    return again;
  }

  private void tell(Told news) {
    more |= news.more();
    if (!news.events().isEmpty()) {
      told.increment(news.events().size());
      changes.fire(new TasksChanged(news.events()));
      events.fire(new ResultsKept(news.events().stream().map(TaskChanged::taskId).toList()));
    }
  }
}
