package io.klingtracker.watch;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jboss.logging.Logger;

/** Who waits for what on this replica; at most so many. */
final class Watchers {

  private static final Logger LOG = Logger.getLogger(Watchers.class);
  private static final Duration COME_BACK = Duration.ofSeconds(5);

  /** Of one pass of the net, so that a pass is short and its look-ups are spread. */
  private static final int MAX_PER_PASS = 1000;

  private final ConcurrentHashMap<String, Set<Watcher>> byName = new ConcurrentHashMap<>();
  private final AtomicInteger count = new AtomicInteger();
  private final int most;
  private final Clock clock;

  Watchers(int most, Clock clock) {
    this.most = most;
    this.clock = clock;
  }

  /** One who waits. */
  private final class Watcher implements Watch.Watching {

    private final String name;
    private final Runnable wake;
    private volatile Instant wokenAt;

    Watcher(String name, Runnable wake) {
      this.name = name;
      this.wake = wake;
      this.wokenAt = clock.instant();
    }

    void wake() {
      wokenAt = clock.instant();
      try {
        wake.run();
      } catch (RuntimeException e) {
        LOG.warnf(e, "a watcher of %s failed", name);
      }
    }

    @Override
    public void close() {
      byName.computeIfPresent(
          name,
          (key, watchers) -> {
            if (watchers.remove(this)) {
              count.decrementAndGet();
            }
            return watchers.isEmpty() ? null : watchers;
          });
    }
  }

  Watch.Watching add(String name, Runnable wake) {
    if (count.incrementAndGet() > most) {
      count.decrementAndGet();
      throw new ProblemException(
          ErrorCode.UNAVAILABLE, "too many requests wait for changes; try again", COME_BACK);
    }
    Watcher watcher = new Watcher(name, wake);
    byName.compute(
        name,
        (key, watchers) -> {
          Set<Watcher> all = watchers == null ? ConcurrentHashMap.newKeySet(4) : watchers;
          all.add(watcher);
          return all;
        });
    return watcher;
  }

  void wake(String name) {
    Set<Watcher> watchers = byName.get(name);
    if (watchers != null) {
      watchers.forEach(Watcher::wake);
    }
  }

  void wakeAll() {
    byName.values().forEach(watchers -> watchers.forEach(Watcher::wake));
  }

  /** Wakes those who have slept too long. */
  void wakeSleepers(Duration tooLong) {
    Instant before = clock.instant().minus(tooLong);
    byName.values().stream()
        .flatMap(Set::stream)
        .filter(watcher -> watcher.wokenAt.isBefore(before))
        .limit(MAX_PER_PASS)
        .forEach(Watcher::wake);
  }

  int size() {
    return count.get();
  }
}
