package io.klingtracker.custody;

import io.klingtracker.custody.Copier.CopyFailedException;
import io.klingtracker.custody.CustodyStore.Claimed;
import io.klingtracker.custody.CustodyStore.Copy;
import io.klingtracker.custody.CustodyStore.Gone;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.retry.Backoff;
import io.klingtracker.storage.Storage;
import io.klingtracker.task.ResultsKept;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.event.Event;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Copies the results of tasks, a few at a time, each by the one replica that has claimed its task,
 * again and again until all are copied or Kling's links are dead; and deletes copies that are old
 * or whose tasks were erased.
 */
final class Custody {

  private static final Logger LOG = Logger.getLogger(Custody.class);

  /** Tasks whose results one replica copies at a time. */
  static final int PARALLEL = 8;

  /** And of one tenant all replicas together. */
  static final int PER_TENANT = 6;

  /** Copies that are deleted at once. */
  static final int DELETED = 100;

  /** What was begun and not ended for so long is no other replica's. */
  static final Duration LEFT = Duration.ofDays(1);

  private static final Backoff BACKOFF = new Backoff(Duration.ofSeconds(10), Duration.ofHours(1));

  private final CustodyStore store;
  private final Copier copier;
  private final Storage storage;
  private final Optional<Duration> keep;
  private final Event<ResultsKept> events;
  private final ExecutorService executor;
  private final ReplicaId me;
  private final Clock clock;
  private final Set<String> underWay = ConcurrentHashMap.newKeySet();
  private final AtomicLong claims = new AtomicLong();

  /** Whether there may be claims of ours that nobody works on. */
  private volatile boolean owing;

  private final Counter copied;
  private final Counter failed;
  private final Counter lost;
  private final Counter deleted;
  private volatile Runnable wake = () -> {};

  Custody(
      CustodyStore store,
      Copier copier,
      Storage storage,
      Optional<Duration> keep,
      Event<ResultsKept> events,
      ExecutorService executor,
      ReplicaId me,
      MeterRegistry meters,
      Clock clock) {
    this.store = store;
    this.copier = copier;
    this.storage = storage;
    this.keep = keep;
    this.events = events;
    this.executor = executor;
    this.me = me;
    this.clock = clock;
    this.copied = counter(meters, "copied");
    this.failed = counter(meters, "failed");
    this.lost = counter(meters, "lost");
    this.deleted =
        Counter.builder("tracker.custody.deleted")
            .description("Copies of results that were deleted, by age or since a task was erased")
            .register(meters);
    Gauge.builder("tracker.custody.active", underWay, Set::size)
        .description("Tasks whose results this replica is copying")
        .register(meters);
  }

  private static Counter counter(MeterRegistry meters, String outcome) {
    return Counter.builder("tracker.custody.copies")
        .description(
            "What became of copies: copied, failed and tried again, lost since no try is left")
        .tag("outcome", outcome)
        .register(meters);
  }

  /** Is run whenever there is room for another task. */
  void wakeBy(Runnable action) {
    wake = action;
  }

  /** Claims as many tasks as there is room for, and has them copied. */
  boolean runOnce() {
    int room = PARALLEL - underWay.size();
    if (room <= 0) {
      return false;
    }
    if (owing) {
      owing = false;
      owing(() -> store.letGo(me.id(), List.copyOf(underWay)));
    }
    owing(
        () -> {
          List<Claimed> all =
              store.claim(me.claim(claims.incrementAndGet()), room, PER_TENANT, clock.instant());
          for (Claimed claimed : all) {
            underWay.add(claimed.taskId());
            executor.execute(() -> run(claimed));
          }
        });
    return false;
  }

  /** Whatever fails at the database may have left a claim that nobody knows of. */
  private void owing(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException e) {
      owing = true;
      throw e;
    }
  }

  private void run(Claimed claimed) {
    try {
      copy(claimed);
    } catch (InterruptedException e) {
      // The service stops; the claim ends with it.
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.warnf("taskId=%s results are not copied yet: %s", claimed.taskId(), SetAside.reason(e));
      giveBack(claimed, SetAside.reason(e));
    } finally {
      underWay.remove(claimed.taskId());
      wake.run();
    }
  }

  private void giveBack(Claimed claimed, String reason) {
    try {
      owing(() -> again(claimed, !claimed.kept().isEmpty(), reason));
    } catch (RuntimeException e) {
      LOG.debugf(e, "taskId=%s is given back with the next claim", claimed.taskId());
    }
  }

  /** One attempt at all that is not copied yet. */
  void copy(Claimed claimed) throws InterruptedException {
    // Whoever copied them may have ended before it showed them.
    boolean news = !claimed.kept().isEmpty();
    String reason = null;
    for (ResultItem item : ResultItem.of(claimed.result())) {
      if (claimed.kept().contains(item.index())) {
        continue;
      }
      try {
        if (!copy(claimed, item)) {
          return;
        }
        news = true;
        copied.increment();
      } catch (CopyFailedException e) {
        if (e.isForGood()) {
          lost.increment();
          LOG.warnf(
              "taskId=%s result %s is not copied: %s",
              claimed.taskId(), item.index(), e.getMessage());
        } else {
          failed.increment();
          reason = e.getMessage();
        }
      }
    }
    if (reason == null) {
      store.done(claimed, news);
      tell(claimed, news);
    } else {
      again(claimed, news, reason);
    }
  }

  /** False when the claim is lost, so that the task is another's, or no more. */
  private boolean copy(Claimed claimed, ResultItem item)
      throws CopyFailedException, InterruptedException {
    Copy copy = copier.copy(claimed, item);
    if (store.keep(claimed, copy, clock.instant())) {
      return true;
    }
    try {
      copier.discard(copy);
    } catch (IOException e) {
      LOG.warnf("taskId=%s a copy that nobody needs stays: %s", claimed.taskId(), copy.object());
    }
    return false;
  }

  private void again(Claimed claimed, boolean news, String reason) {
    Instant now = clock.instant();
    Duration wait = BACKOFF.after(claimed.attempts(), ThreadLocalRandom.current());
    Instant due = now.plus(wait);
    Instant end = claimed.linkEnds();
    if (end == null || due.isBefore(end)) {
      LOG.debugf("taskId=%s results are tried again: %s", claimed.taskId(), reason);
      store.again(claimed, news, due, cut(reason));
    } else {
      lost.increment();
      LOG.warnf("taskId=%s results are lost, Kling's links are dead: %s", claimed.taskId(), reason);
      store.done(claimed, news);
    }
    tell(claimed, news);
  }

  private static String cut(String reason) {
    return reason.substring(0, Math.min(reason.length(), 500));
  }

  private void tell(Claimed claimed, boolean news) {
    if (news) {
      events.fire(new ResultsKept(List.of(claimed.taskId())));
    }
  }

  /**
   * Deletes copies that are older than they are kept, or whose tasks were erased.
   *
   * @return whether there may be more
   */
  boolean deleteOnce() {
    List<Gone> gone = new ArrayList<>(store.erased(DELETED));
    keep.ifPresent(age -> gone.addAll(store.old(clock.instant().minus(age), DELETED)));
    List<Gone> done = new ArrayList<>();
    @Nullable String failure = null;
    for (Gone copy : gone) {
      try {
        storage.delete(copy.object());
        done.add(copy);
      } catch (IOException e) {
        failure = SetAside.reason(e);
      }
    }
    if (!done.isEmpty()) {
      store.forget(done);
      deleted.increment(done.size());
      events.fire(new ResultsKept(done.stream().map(Gone::taskId).distinct().toList()));
    }
    if (failure != null) {
      LOG.warnf("copies of results cannot be deleted: %s", failure);
    }
    return failure == null && gone.size() >= DELETED;
  }

  /** Removes what processes that were killed have begun. */
  void deleteLeft() {
    try {
      int left = storage.deleteLeft(clock.instant().minus(LEFT));
      if (left > 0) {
        LOG.infof("%s copies of results that were begun and never ended are deleted", left);
      }
    } catch (IOException e) {
      LOG.warnf("copies that were begun cannot be looked through: %s", SetAside.reason(e));
    }
  }

  /** Tasks whose results are being copied. */
  int underWay() {
    return underWay.size();
  }
}
