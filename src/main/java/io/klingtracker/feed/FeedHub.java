package io.klingtracker.feed;

import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.watch.ChangeNotifier;
import io.klingtracker.watch.Subscription;
import io.quarkus.runtime.Startup;
import io.smallrye.mutiny.subscription.UniEmitter;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Reads the news of every followed tenant once, however many follow it, and hands it to them. Woken
 * after each change of such a tenant, whichever replica made it; the poll is the fallback.
 */
@Startup
@Singleton
class FeedHub {

  private static final Logger LOG = Logger.getLogger(FeedHub.class);

  /**
   * A committed event stays hidden while an older transaction is under way, a few milliseconds as a
   * rule: so long we look again at once, then leave it to the poll.
   */
  private static final int EAGER_LOOKS = 6;

  /** Most events read by one statement for one reader. */
  static final int PAGE = 200;

  /**
   * Most events kept for a reader that is slower than its tenant's events; beyond that it is sent
   * back to reading from the database.
   */
  static final int BUFFER = 200;

  /** How long a reader that was sent back may take to catch up; then its stream ends. */
  static final Duration CATCH_UP = Duration.ofSeconds(30);

  /** The fallback, should a wake-up be lost of followers. */
  private static final Duration POLL = Duration.ofSeconds(1);

  private final FeedStore store;
  private final ChangeNotifier notifier;
  private final int page;
  private final int mostKept;
  private final Duration catchUp;
  private final Map<String, TenantFeed> tenants = new HashMap<>();
  private final Set<FeedReader> lagging = new HashSet<>();
  private final AtomicInteger eagerLooks = new AtomicInteger();
  private final WorkLoop loop;

  /** A tenant that somebody follows. */
  private static final class TenantFeed {
    private Cursor cursor;
    private final Set<FeedReader> readers = new HashSet<>();
    private final Subscription subscription;

    TenantFeed(Cursor cursor, Subscription subscription) {
      this.cursor = cursor;
      this.subscription = subscription;
    }
  }

  @Inject
  FeedHub(FeedStore store, ChangeNotifier notifier, Loops loops) {
    this(store, notifier, PAGE, BUFFER, CATCH_UP, loops);
  }

  FeedHub(
      FeedStore store,
      ChangeNotifier notifier,
      int page,
      int buffer,
      Duration catchUp,
      Loops loops) {
    this.store = store;
    this.notifier = notifier;
    this.catchUp = catchUp;
    this.page = page;
    this.mostKept = buffer;
    this.loop = loops.add(WorkLoop.named("feed").every(POLL).work(this::runOnce));
  }

  /** Most events that are read at once for one reader. */
  int page() {
    return page;
  }

  /** Something of a followed tenant may have changed, here or elsewhere. */
  private void wake() {
    eagerLooks.set(EAGER_LOOKS);
    loop.wake();
  }

  /** One look at all followed tenants; true when another should follow at once. */
  boolean runOnce() throws InterruptedException {
    evictSlow();
    Map<String, TenantFeed> feeds;
    Map<String, Cursor> cursors = new HashMap<>();
    synchronized (this) {
      if (tenants.isEmpty()) {
        return false;
      }
      feeds = new HashMap<>(tenants);
      feeds.forEach((tenant, feed) -> cursors.put(tenant, feed.cursor));
    }
    Map<String, List<FeedEvent>> news = new HashMap<>();
    Batch.apply(
        cursors.keySet(),
        some -> news.putAll(store.news(of(cursors, some), page)),
        this::unreadable);
    List<UniEmitter<? super Boolean>> signals = new ArrayList<>();
    boolean more = false;
    synchronized (this) {
      for (Map.Entry<String, List<FeedEvent>> entry : news.entrySet()) {
        more |= entry.getValue().size() == page || isLarge(entry.getValue());
        TenantFeed feed = tenants.get(entry.getKey());
        // Left by all and followed anew since we read: that one starts from a cursor of its own.
        if (feed != null && feed == feeds.get(entry.getKey())) {
          entry.getValue().forEach(event -> push(feed, event, signals));
        }
      }
    }
    signals.forEach(emitter -> emitter.complete(true));
    return more || lookAgain();
  }

  private static Map<String, Cursor> of(Map<String, Cursor> cursors, List<String> tenants) {
    Map<String, Cursor> some = new HashMap<>(cursors);
    some.keySet().retainAll(tenants);
    return some;
  }

  /** Who follows it reads for himself from now on, and receives the error. */
  private void unreadable(String tenant, RuntimeException failure) {
    LOG.errorf("tenant=%s its feed cannot be read: %s", tenant, SetAside.reason(failure));
    List<FeedReader> cut;
    synchronized (this) {
      TenantFeed feed = tenants.remove(tenant);
      if (feed == null) {
        return;
      }
      feed.subscription.close();
      cut = List.copyOf(feed.readers);
      cut.forEach(reader -> reader.attached = false);
    }
    cut.forEach(FeedReader::cutShort);
  }

  /** Whether a page may have been cut for its bytes; a character has four at the most. */
  private static boolean isLarge(List<FeedEvent> events) {
    return events.stream().mapToLong(event -> event.payload().length()).sum()
        >= FeedStore.MAX_BYTES / 4;
  }

  /** Ends the streams of those who had their time to catch up, or who take nothing any more. */
  private void evictSlow() {
    List<Runnable> ends = new ArrayList<>();
    synchronized (this) {
      long now = System.nanoTime();
      for (FeedReader reader : List.copyOf(lagging)) {
        if (now - reader.behindSince > catchUp.toNanos()) {
          lagging.remove(reader);
          ends.add(reader::cutShort);
        }
      }
    }
    ends.forEach(Runnable::run);
  }

  private boolean lookAgain() throws InterruptedException {
    int left = eagerLooks.getAndUpdate(looks -> Math.max(0, looks - 1));
    if (left == 0) {
      return false;
    }
    Thread.sleep(2L << (EAGER_LOOKS - left));
    return true;
  }

  private void push(TenantFeed feed, FeedEvent event, List<UniEmitter<? super Boolean>> signals) {
    feed.cursor = event.cursor();
    for (FeedReader reader : List.copyOf(feed.readers)) {
      if (event.cursor().compareTo(reader.cursor()) <= 0) {
        continue;
      }
      if (reader.buffer.size() >= mostKept) {
        reader.buffer.clear();
        reader.attached = false;
        feed.readers.remove(reader);
        reader.behindSince = System.nanoTime();
        lagging.add(reader);
      } else {
        reader.buffer.add(event);
      }
      UniEmitter<? super Boolean> waiting = reader.waiting;
      if (waiting != null) {
        reader.waiting = null;
        signals.add(waiting);
      }
    }
    if (feed.readers.isEmpty()) {
      tenants.values().remove(feed);
      feed.subscription.close();
    }
  }

  /** What is kept for a reader, or null when it has to read from the database. */
  synchronized @Nullable List<FeedEvent> drain(FeedReader reader) {
    if (!reader.attached) {
      return null;
    }
    List<FeedEvent> kept = List.copyOf(reader.buffer);
    reader.buffer.clear();
    if (!kept.isEmpty()) {
      reader.advance(kept.get(kept.size() - 1).cursor());
    }
    return kept;
  }

  /** Puts a reader that has read everything on the list, unless the hub knows more by now. */
  synchronized boolean attach(FeedReader reader) {
    if (reader.closed) {
      return true;
    }
    TenantFeed feed =
        tenants.computeIfAbsent(
            reader.tenant(),
            tenant -> new TenantFeed(reader.cursor(), notifier.tenant(tenant, this::wake)));
    if (feed.cursor.compareTo(reader.cursor()) > 0) {
      return false;
    }
    feed.readers.add(reader);
    lagging.remove(reader);
    reader.attached = true;
    // What came between the reader's look and now was announced to nobody.
    wake();
    return true;
  }

  synchronized void await(FeedReader reader, UniEmitter<? super Boolean> emitter) {
    if (!reader.attached || !reader.buffer.isEmpty() || reader.isCutShort()) {
      emitter.complete(true);
    } else {
      reader.waiting = emitter;
    }
  }

  /** True the first time. */
  synchronized boolean leave(FeedReader reader) {
    if (reader.closed) {
      return false;
    }
    reader.closed = true;
    reader.attached = false;
    reader.waiting = null;
    reader.buffer.clear();
    lagging.remove(reader);
    TenantFeed feed = tenants.get(reader.tenant());
    if (feed != null && feed.readers.remove(reader) && feed.readers.isEmpty()) {
      tenants.remove(reader.tenant());
      feed.subscription.close();
    }
    return true;
  }
}
