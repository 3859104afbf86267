package io.klingtracker.watch;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/** Who waits for what on this replica; {@link Waits} bounds how many. */
final class Watchers {

  private static final Logger LOG = Logger.getLogger(Watchers.class);

  /** Of one fallback pass, so that a pass is short and its look-ups are spread. */
  private static final int MAX_PER_PASS = 1000;

  private final ConcurrentHashMap<String, Set<Watcher>> byName = new ConcurrentHashMap<>();
  private final Clock clock;

  Watchers(Clock clock) {
    this.clock = clock;
  }

  /** One who waits. */
  private final class Watcher implements Subscription {

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
            watchers.remove(this);
            return watchers.isEmpty() ? null : watchers;
          });
    }
  }

  Subscription add(String name, Runnable wake) {
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
}
