package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The service that most groups load, on a million tasks, and PostgreSQL's yardstick with the same
 * rows. Both are there for whoever asks first, and the service is loaded once until its compiler is
 * done: on two cores that takes longer than most groups.
 */
final class Common implements AutoCloseable {

  /** Tasks that ended long ago. */
  static final int HISTORY = 900_000;

  /** Tasks that the yardstick changes. */
  private static final int OPEN_TASKS = 100_000;

  /** Seconds at most until a service is compiled for callbacks. */
  static final int WARM_UP = 60;

  private static final int CONNECTIONS = 128;
  private static final String HISTORY_SEED = "history";

  private final Bench bench;
  private @Nullable CallbackSide side;
  private @Nullable Database yardstick;
  private int history;
  private boolean seeded;

  Common(Bench bench) {
    this.bench = bench;
  }

  /** The service on its whole history. */
  synchronized CallbackSide side() {
    return side(bench.options().rows(HISTORY));
  }

  /** The service on so many ended tasks; more is no way back. */
  synchronized CallbackSide side(int ended) {
    CallbackSide running = side;
    if (running == null) {
      Database database = bench.stack().database("common");
      history = Math.min(ended, bench.options().rows(HISTORY));
      Tasks.endedInBulk(database, 1, history);
      running = new CallbackSide(bench, database, "bench.common", Map.of());
      side = running;
      running.warmUp(bench.options().seconds(WARM_UP), CONNECTIONS);
    }
    if (ended > history) {
      Tasks.endedInBulk(running.database(), history + 1, ended - history);
      history = ended;
    }
    return running;
  }

  /** Rows as the service's, for the same statements without a service. */
  synchronized Database yardstick() {
    Database ready = yardstick;
    if (ready == null) {
      ready = history("yardstick");
      Tasks.open(ready, 1, tasks());
      ready.execute("vacuum analyze task", "vacuum analyze task_event");
      yardstick = ready;
    }
    return ready;
  }

  /** A fresh database with as many ended tasks as {@link #side()}. */
  synchronized Database history(String name) {
    if (!seeded) {
      Tasks.endedInBulk(bench.stack().database(HISTORY_SEED), 1, bench.options().rows(HISTORY));
      seeded = true;
    }
    return bench.stack().copy(HISTORY_SEED, name);
  }

  /** Transactions a second of a script on the yardstick. */
  double rate(SqlScript script, int clients, Duration time) {
    return bench.sql().rate(yardstick(), script, clients, Map.of("tasks", tasks()), time);
  }

  private long tasks() {
    return bench.options().rows(OPEN_TASKS);
  }

  @Override
  public synchronized void close() {
    if (side != null) {
      side.close();
    }
    if (yardstick != null) {
      bench.stack().drop(yardstick);
    }
  }
}
