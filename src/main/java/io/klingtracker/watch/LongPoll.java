package io.klingtracker.watch;

import io.klingtracker.task.Task;
import io.klingtracker.task.Tasks;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.subscription.UniEmitter;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Answers later: holds neither a thread nor a connection while nothing happens. */
@Singleton
public class LongPoll {

  private final Tasks tasks;
  private final ChangeNotifier notifier;
  private final Waits waits;

  @Inject
  LongPoll(Tasks tasks, ChangeNotifier notifier, Waits waits) {
    this.tasks = tasks;
    this.notifier = notifier;
    this.waits = waits;
  }

  /**
   * A task after a wait.
   *
   * @param cutShort whether the wait ended before its time and before what it waited for
   */
  public record Waited(Task task, boolean cutShort) {}

  /**
   * The task once it is what was waited for, or as it is when the time is over or the place is
   * needed; fails with a {@link io.klingtracker.problem.ProblemException} when there is no place.
   */
  public Uni<Waited> until(Task first, Predicate<Task> enough, Duration most) {
    if (enough.test(first) || most.isZero()) {
      return Uni.createFrom().item(new Waited(first, false));
    }
    return Uni.createFrom().emitter(emitter -> new Poll(first, enough, emitter).begin(most));
  }

  /** One waiting request. */
  private final class Poll {

    private final Predicate<Task> enough;
    private final UniEmitter<? super Waited> emitter;

    /** Wakes not yet looked at; whoever raises it from zero looks. */
    private final AtomicInteger wakes = new AtomicInteger();

    private volatile Task latest;
    private volatile boolean over;
    private volatile Waits.@Nullable Wait wait;
    private volatile @Nullable Subscription subscription;
    private volatile @Nullable ScheduledFuture<?> timer;

    Poll(Task first, Predicate<Task> enough, UniEmitter<? super Waited> emitter) {
      this.latest = first;
      this.enough = enough;
      this.emitter = emitter;
    }

    void begin(Duration most) {
      // A caller who goes away ends the wait.
      emitter.onTermination(this::end);
      wait = waits.begin(latest.tenant(), this::placeNeeded);
      subscription = notifier.task(latest.id(), this::woken);
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
          Optional<Task> found = tasks.find(latest.tenant(), latest.id());
          if (found.isEmpty()) {
            // It was erased meanwhile: nothing more will come.
            answer(false);
            return;
          }
          latest = found.get();
        } catch (RuntimeException e) {
          over = true;
          emitter.fail(e);
          return;
        }
        if (enough.test(latest)) {
          answer(false);
          return;
        }
      } while (!wakes.compareAndSet(seen, 0));
    }

    private void timeOver() {
      answer(false);
    }

    /** In the thread of whoever needs the place. */
    private void placeNeeded() {
      Infrastructure.getDefaultExecutor().execute(() -> answer(true));
    }

    private void answer(boolean cutShort) {
      over = true;
      emitter.complete(new Waited(latest, cutShort));
      end();
    }

    private void end() {
      over = true;
      Subscription open = subscription;
      if (open != null) {
        open.close();
      }
      Waits.Wait place = wait;
      if (place != null) {
        place.close();
      }
      ScheduledFuture<?> pending = timer;
      if (pending != null) {
        pending.cancel(false);
      }
    }
  }
}
