package io.klingtracker.task;

import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.NotificationOptions;
import jakarta.enterprise.util.TypeLiteral;
import java.lang.annotation.Annotation;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.jdbi.v3.core.Jdbi;

/** The core without a container, for tests of what stands on it. */
public final class TasksOnDatabase {

  private TasksOnDatabase() {}

  /** Tasks that tell of their changes after each commit. */
  public static Tasks of(Jdbi jdbi, Clock clock, Consumer<TasksChanged> told) {
    return new Tasks(
        new TaskStore(jdbi, clock, new Limits()),
        new TaskRepository(jdbi),
        jdbi,
        new Changes(told));
  }

  private record Limits() implements TaskConfig {
    @Override
    public Duration resultLife() {
      return Duration.ofDays(30);
    }

    @Override
    public Duration idempotencyLife() {
      return Duration.ofHours(24);
    }
  }

  private record Changes(Consumer<TasksChanged> told) implements Event<TasksChanged> {
    @Override
    public void fire(TasksChanged event) {
      told.accept(event);
    }

    @Override
    public <U extends TasksChanged> CompletionStage<U> fireAsync(U event) {
      told.accept(event);
      return CompletableFuture.completedFuture(event);
    }

    @Override
    public <U extends TasksChanged> CompletionStage<U> fireAsync(
        U event, NotificationOptions options) {
      return fireAsync(event);
    }

    @Override
    public Event<TasksChanged> select(Annotation... qualifiers) {
      return this;
    }

    @Override
    public <U extends TasksChanged> Event<U> select(Class<U> subtype, Annotation... qualifiers) {
      throw new UnsupportedOperationException();
    }

    @Override
    public <U extends TasksChanged> Event<U> select(
        TypeLiteral<U> subtype, Annotation... qualifiers) {
      throw new UnsupportedOperationException();
    }
  }
}
