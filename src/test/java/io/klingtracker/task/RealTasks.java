package io.klingtracker.task;

import io.klingtracker.testing.Settings;
import io.klingtracker.testing.Told;
import java.time.Clock;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;

/** The core over a test's database, without CDI. */
public final class RealTasks {

  private RealTasks() {}

  /** Writes and timelines; a test's own SQL does the other reads. */
  public static Tasks over(Jdbi jdbi, Clock clock) {
    TaskStore store = new TaskStore(jdbi, clock, Settings.of(TaskConfig.class, Map.of()));
    return new Tasks(store, null, jdbi, new Told<>(changes -> {}));
  }
}
