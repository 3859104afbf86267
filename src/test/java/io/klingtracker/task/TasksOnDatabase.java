package io.klingtracker.task;

import io.klingtracker.share.Shares;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** The core without a container, for tests of what is built on it. */
public final class TasksOnDatabase {

  private TasksOnDatabase() {}

  /** Tasks of whose changes nobody is notified. */
  public static Tasks of(Jdbi jdbi, Clock clock) {
    return of(jdbi, clock, changes -> {});
  }

  /** Tasks of which a tenant may have so many watched. */
  public static Tasks tracking(Jdbi jdbi, Clock clock, int most) {
    return of(jdbi, clock, changes -> {}, new TaskStore(jdbi, clock, most));
  }

  /** Tasks that tell of their changes after each commit. */
  public static Tasks of(Jdbi jdbi, Clock clock, Consumer<TasksChanged> listener) {
    return of(jdbi, clock, listener, new TaskStore(jdbi, clock));
  }

  /** What a report says of all a tenant's use in a time, by day and model. */
  public static List<Usage.Line> usage(Jdbi jdbi, String tenant, Instant from, Instant to) {
    return new Usage(jdbi).report(tenant, from, to, Set.of(Usage.By.DAY, Usage.By.MODEL), 100);
  }

  /** Tasks whose results are copied, and found below a URL. */
  public static Tasks keeping(Jdbi jdbi, Clock clock, String contentBase) {
    return of(jdbi, clock, changes -> {}, new TaskStore(jdbi, clock), contentBase);
  }

  private static Tasks of(
      Jdbi jdbi, Clock clock, Consumer<TasksChanged> listener, TaskStore store) {
    return of(jdbi, clock, listener, store, null);
  }

  private static Tasks of(
      Jdbi jdbi,
      Clock clock,
      Consumer<TasksChanged> listener,
      TaskStore store,
      @Nullable String contentBase) {
    TaskConfig config = Settings.of(TaskConfig.class, Map.of());
    return new Tasks(
        store,
        new NewsStore(jdbi, clock, () -> Map.of("beijing", "CNY"), () -> contentBase),
        new SubmissionWriter(store, config, () -> false, new Shares(new SimpleMeterRegistry())),
        new TaskRepository(jdbi),
        new Timelines(jdbi),
        jdbi,
        new NotifyingEvent<>(listener));
  }
}
