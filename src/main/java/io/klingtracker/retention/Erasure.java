package io.klingtracker.retention;

import io.klingtracker.database.SqlStates;
import io.klingtracker.retention.RemovalStore.Removed;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksRemoved;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.List;
import java.util.function.ObjIntConsumer;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;

/**
 * Erases tasks that have ended: at once, with all that hangs on them, whatever they owe. What is
 * said of them afterwards, on every channel, has nothing of what was asked for or came of it.
 */
@Singleton
class Erasure {

  private static final Logger LOG = Logger.getLogger(Erasure.class);

  /** Tasks in one transaction. */
  static final int BATCH = 200;

  /**
   * How often a batch is tried that met somebody else's in the other order: a delivery's end, say.
   */
  private static final int TRIES = 5;

  private final RemovalStore store;
  private final Clock clock;
  private final Event<TasksRemoved> removals;
  private final Event<TasksChanged> changes;
  private final Counter erased;

  @Inject
  Erasure(
      RemovalStore store,
      Clock clock,
      Event<TasksRemoved> removals,
      Event<TasksChanged> changes,
      MeterRegistry registry) {
    this.store = store;
    this.clock = clock;
    this.removals = removals;
    this.changes = changes;
    this.erased =
        Counter.builder("tracker.tasks.erased")
            .description("Tasks that were erased")
            .register(registry);
  }

  /**
   * Erases those of the tasks that have ended; they are gone when this returns.
   *
   * @param taskIds {@link #BATCH} at most
   * @param also is done in the same transaction, with how many there are, unless there are none
   * @return how many
   */
  int erase(List<String> taskIds, ObjIntConsumer<Handle> also) {
    List<Removed> gone = retried(taskIds, also);
    if (!gone.isEmpty()) {
      erased.increment(gone.size());
      publish(gone);
    }
    return gone.size();
  }

  /** The same for any number, {@link #BATCH} in each transaction. */
  int eraseAll(List<String> taskIds, ObjIntConsumer<Handle> also) {
    int count = 0;
    for (int from = 0; from < taskIds.size(); from += BATCH) {
      count += erase(taskIds.subList(from, Math.min(from + BATCH, taskIds.size())), also);
    }
    return count;
  }

  private List<Removed> retried(List<String> taskIds, ObjIntConsumer<Handle> also) {
    for (int tries = 1; ; tries++) {
      try {
        return store.erase(taskIds, clock.instant(), also);
      } catch (RuntimeException e) {
        if (tries == TRIES || !SqlStates.isRolledBack(e)) {
          throw e;
        }
        LOG.debugf("an erasure is tried again: %s", e.getMessage());
      }
    }
  }

  /** After the commit: what is erased is erased, whatever observers do. */
  private void publish(List<Removed> gone) {
    try {
      removals.fire(new TasksRemoved(gone.stream().map(Removed::taskId).sorted().toList()));
      changes.fire(
          new TasksChanged(
              gone.stream()
                  .map(
                      task ->
                          new TaskChanged(
                              task.taskId(),
                              task.tenant(),
                              task.sequence() + 1,
                              task.status(),
                              false))
                  .toList()));
    } catch (RuntimeException e) {
      LOG.errorf(
          e, "tasks are erased, but not all observers were notified; they find it by their polls");
    }
  }
}
