package io.klingtracker.api;

import io.klingtracker.task.Task;
import io.klingtracker.task.Tasks;
import io.klingtracker.watch.Watch;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.subscription.UniEmitter;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Answers later: holds neither a thread nor a connection while nothing happens. */
@Singleton
class LongPoll {

  private final Tasks tasks;
  private final Watch watch;

  @Inject
  LongPoll(Tasks tasks, Watch watch) {
    this.tasks = tasks;
    this.watch = watch;
  }

  /** The task once it is what was waited for, or as it is when the time is over. */
  Uni<Task> until(Task first, Predicate<Task> enough, Duration most) {
    if (enough.test(first) || most.isZero()) {
      return Uni.createFrom().item(first);
    }
    return Uni.createFrom().emitter(emitter -> new Wait(first, enough, emitter).begin(most));
  }

  /** One waiting request. */
  private final class Wait {

    private final Predicate<Task> enough;
    private final UniEmitter<? super Task> emitter;

    /** Wakes not yet looked at; whoever raises it from zero looks. */
    private final AtomicInteger wakes = new AtomicInteger();

    private volatile Task latest;
    private volatile boolean over;
    private volatile Watch.@Nullable Watching watching;
    private volatile @Nullable ScheduledFuture<?> timer;

    Wait(Task first, Predicate<Task> enough, UniEmitter<? super Task> emitter) {
      this.latest = first;
      this.enough = enough;
      this.emitter = emitter;
    }

    void begin(Duration most) {
      // A caller who goes away ends the wait.
      emitter.onTermination(this::end);
      watching = watch.task(latest.id(), this::woken);
      timer =
          Infrastructure.getDefaultWorkerPool()
              .schedule(this::timeOver, most.toMillis(), TimeUnit.MILLISECONDS);
      // What happened between the first look and the watch.
      woken();
      if (over) {
        end();
      }
    }

    private void woken() {
      if (wakes.getAndIncrement() == 0) {
        Infrastructure.getDefaultExecutor().execute(this::look);
      }
    }

    private void look() {
      int seen;
      do {
        seen = wakes.get();
        if (over) {
          return;
        }
        try {
          tasks.find(latest.tenant(), latest.id()).ifPresent(task -> latest = task);
        } catch (RuntimeException e) {
          over = true;
          emitter.fail(e);
          return;
        }
        if (enough.test(latest)) {
          answer();
          return;
        }
      } while (!wakes.compareAndSet(seen, 0));
    }

    private void timeOver() {
      answer();
    }

    private void answer() {
      over = true;
      emitter.complete(latest);
      end();
    }

    private void end() {
      over = true;
      Watch.Watching open = watching;
      if (open != null) {
        open.close();
      }
      ScheduledFuture<?> pending = timer;
      if (pending != null) {
        pending.cancel(false);
      }
    }
  }
}
