package io.klingtracker.tenant;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keys looked up lately, for a few seconds. Keys that do not exist are remembered apart, so that a
 * flood of them cannot push out the real ones.
 */
final class KeyCache {

  private final Clock clock;
  private final Duration life;
  private final Map<String, Entry> known;
  private final Map<String, Entry> unknown;

  private record Entry(@Nullable Caller caller, Instant until) {}

  KeyCache(Clock clock, Duration life, int size) {
    this.clock = clock;
    this.life = life;
    this.known = bounded(size);
    this.unknown = bounded(size);
  }

  Optional<Caller> get(String name, Supplier<Optional<Caller>> lookUp) {
    Instant now = clock.instant();
    Entry entry = peek(name);
    if (entry == null) {
      // The age counts from before the look: a revocation between look and now is felt in time.
      entry = new Entry(lookUp.get().orElse(null), now.plus(life));
      put(name, entry);
    }
    Caller caller = entry.caller();
    return caller != null && caller.usableAt(now) ? Optional.of(caller) : Optional.empty();
  }

  /** Whether {@link #get} would ask nobody. */
  boolean has(String name) {
    return peek(name) != null;
  }

  /** Forgets a key that was revoked here, and every key that was changed. */
  synchronized void clear() {
    known.clear();
  }

  private synchronized @Nullable Entry peek(String name) {
    Instant now = clock.instant();
    for (Map<String, Entry> map : List.of(known, unknown)) {
      Entry entry = map.get(name);
      if (entry != null && now.isBefore(entry.until())) {
        return entry;
      }
    }
    return null;
  }

  private synchronized void put(String name, Entry entry) {
    Map<String, Entry> map = entry.caller() == null ? unknown : known;
    map.remove(name);
    map.put(name, entry);
    // Whatever else is stale at the old end goes too.
    drop(known);
    drop(unknown);
  }

  private void drop(Map<String, Entry> map) {
    Iterator<Entry> oldest = map.values().iterator();
    if (oldest.hasNext() && !clock.instant().isBefore(oldest.next().until())) {
      oldest.remove();
    }
  }

  private static Map<String, Entry> bounded(int size) {
    return new LinkedHashMap<>() {
      private static final long serialVersionUID = 1L;

      @Override
      protected boolean removeEldestEntry(Map.Entry<String, Entry> eldest) {
        return this.size() > size;
      }
    };
  }
}
