package io.klingtracker.loops;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;

/**
 * How often items failed in a row, for queues whose rows do not count it. In memory, and bounded:
 * what is forgotten, or lost with a restart, is merely tried a few times more.
 */
public final class Attempts {

  private static final int MOST = 10_000;

  private final Cache<String, Integer> failures = Caches.bounded(MOST);

  /** Counts a failure; how many it makes. */
  public int failed(String key) {
    return failures.asMap().merge(key, 1, Integer::sum);
  }

  /** It went well, or will not be tried again. */
  public void done(String key) {
    failures.invalidate(key);
  }
}
