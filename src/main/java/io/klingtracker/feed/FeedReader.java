package io.klingtracker.feed;

import io.klingtracker.watch.Waits;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.subscription.UniEmitter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One follower of a tenant's feed. It reads from the database until it has caught up, then is
 * handed what the hub reads for everybody. It holds at most one page, and neither a thread nor a
 * connection while it waits. A follower that is too slow for its buffer goes back to reading from
 * the database: it misses nothing and costs no memory. One that does not catch up in time, or takes
 * nothing at all, is cut off; it comes back with the last id it saw.
 *
 * <p>To be asked by one caller at a time.
 */
public final class FeedReader implements AutoCloseable {

  private final FeedHub hub;
  private final FeedStore store;
  private final int page;
  private final String tenant;
  private final Waits.Wait wait;

  /** The last removal that it need not know of: who begins now has missed nothing by it. */
  private final long removal;

  // Guarded by the hub.
  private Cursor cursor;
  final Deque<FeedEvent> buffer = new ArrayDeque<>();
  boolean attached;
  boolean closed;
  @Nullable UniEmitter<? super Boolean> waiting;
  long behindSince;
  private boolean cutShort;
  private @Nullable UniEmitter<? super Boolean> cut;

  FeedReader(FeedHub hub, FeedStore store, Waits waits, int page, String tenant, Bookmark from) {
    this.hub = hub;
    this.store = store;
    this.page = page;
    this.tenant = tenant;
    this.cursor = from.cursor();
    this.removal = from.removal();
    this.wait = waits.begin(tenant, this::cutShort);
  }

  String tenant() {
    return tenant;
  }

  /** Everything up to here was given out. */
  Cursor cursor() {
    synchronized (hub) {
      return cursor;
    }
  }

  void advance(Cursor to) {
    synchronized (hub) {
      cursor = to;
    }
  }

  /** The next events in order; an empty list when none came in the given time. */
  public Uni<List<FeedEvent>> next(Duration atMost) {
    List<FeedEvent> kept = hub.drain(this);
    if (kept == null) {
      return Uni.createFrom()
          .item(this::read)
          .runSubscriptionOn(Infrastructure.getDefaultWorkerPool())
          .chain(read -> read.isEmpty() ? arrival(atMost) : Uni.createFrom().item(read));
    }
    return kept.isEmpty() ? arrival(atMost) : Uni.createFrom().item(kept);
  }

  /** Empty once there is nothing left to read and the hub has this reader on its list. */
  private List<FeedEvent> read() {
    while (true) {
      Cursor from = cursor();
      // Read before the page: whatever is below it had ended before the page was read.
      Cursor head = store.head();
      List<FeedEvent> events = store.page(tenant, from, page);
      if (store.removals(tenant, new Bookmark(from, removal)).missed()) {
        throw Feed.removed(Map.of());
      }
      if (!events.isEmpty()) {
        advance(events.get(events.size() - 1).cursor());
        return events;
      }
      advance(from.compareTo(head) < 0 ? head : from);
      if (hub.attach(this)) {
        return List.of();
      }
    }
  }

  private Uni<List<FeedEvent>> arrival(Duration atMost) {
    // The signal carries no events: one that comes as the time runs out must not take them along.
    return Uni.createFrom()
        .<Boolean>emitter(emitter -> hub.await(this, emitter))
        .ifNoItem()
        .after(atMost)
        .recoverWithItem(false)
        .map(
            came -> {
              List<FeedEvent> kept = hub.drain(this);
              return kept == null ? List.of() : kept;
            });
  }

  /** Ends when this follower is to be cut off. */
  Uni<Boolean> cut() {
    return Uni.createFrom()
        .emitter(
            emitter -> {
              synchronized (hub) {
                if (!cutShort) {
                  cut = emitter;
                  return;
                }
              }
              emitter.complete(true);
            });
  }

  /** Ends the stream, or answers who waits for the next events. */
  void cutShort() {
    UniEmitter<? super Boolean> stream;
    UniEmitter<? super Boolean> poll;
    synchronized (hub) {
      cutShort = true;
      stream = cut;
      poll = waiting;
      waiting = null;
    }
    if (stream != null) {
      stream.complete(true);
    }
    if (poll != null) {
      poll.complete(true);
    }
  }

  /** Whether there is nothing to wait for any more; to be asked under the hub's lock. */
  boolean isCutShort() {
    return cutShort;
  }

  /** Leaves the hub. */
  @Override
  public void close() {
    if (hub.leave(this)) {
      wait.close();
    }
  }
}
