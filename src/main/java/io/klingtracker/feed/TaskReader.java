package io.klingtracker.feed;

import io.klingtracker.watch.ChangeNotifier;
import io.klingtracker.watch.Subscription;
import io.klingtracker.watch.Waits;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.subscription.UniEmitter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One follower of one task, to be asked by one caller at a time; waits without a thread. */
final class TaskReader implements AutoCloseable {

  private final FeedStore store;
  private final FeedConfig config;
  private final String taskId;
  private final Waits.Wait wait;
  private final Subscription subscription;
  private int seen;
  private boolean over;
  private boolean news;
  private @Nullable UniEmitter<? super Boolean> waiting;

  TaskReader(
      FeedStore store,
      ChangeNotifier notifier,
      Waits waits,
      FeedConfig config,
      String tenant,
      String taskId,
      int after) {
    this.store = store;
    this.config = config;
    this.taskId = taskId;
    this.seen = after;
    this.wait = waits.begin(tenant, this::cutShort);
    // Watched before the first look: what comes in between wakes us.
    this.subscription = notifier.task(taskId, this::wake);
  }

  /** Whether the last event was given out, or the stream is to end before. */
  synchronized boolean isOver() {
    return over;
  }

  private void cutShort() {
    synchronized (this) {
      over = true;
    }
    wake();
  }

  /** The next events; an empty list when none came for a heartbeat. */
  Uni<List<FeedEvent>> next() {
    return look()
        .chain(
            events ->
                events.isEmpty()
                    ? Uni.createFrom()
                        .<Boolean>emitter(this::await)
                        .ifNoItem()
                        .after(config.heartbeat())
                        .recoverWithItem(false)
                        .chain(this::look)
                    : Uni.createFrom().item(events));
  }

  private Uni<List<FeedEvent>> look() {
    return Uni.createFrom()
        .item(this::read)
        .runSubscriptionOn(Infrastructure.getDefaultWorkerPool());
  }

  private List<FeedEvent> read() {
    int after;
    synchronized (this) {
      news = false;
      after = seen;
    }
    List<FeedEvent> events = store.ofTask(taskId, after, FeedHub.PAGE);
    if (!events.isEmpty()) {
      FeedEvent last = events.get(events.size() - 1);
      synchronized (this) {
        seen = last.sequence();
        over |= last.isLast();
      }
    }
    return events;
  }

  private void await(UniEmitter<? super Boolean> emitter) {
    synchronized (this) {
      // Whoever was cut short before the first look is notified here alone.
      if (!news && !over) {
        waiting = emitter;
        return;
      }
    }
    emitter.complete(true);
  }

  private void wake() {
    UniEmitter<? super Boolean> woken;
    synchronized (this) {
      news = true;
      woken = waiting;
      waiting = null;
    }
    if (woken != null) {
      woken.complete(true);
    }
  }

  @Override
  public void close() {
    subscription.close();
    wait.close();
  }
}
