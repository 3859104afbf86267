package io.klingtracker.loops;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How often items failed in a row, for queues whose rows do not count it. In memory, and bounded:
 * what is forgotten, or lost with a restart, is merely tried a few times more.
 */
public final class Attempts {

  private static final int MOST = 10_000;

  private final Map<String, Integer> failures =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Integer> eldest) {
          return size() > MOST;
        }
      };

  /** Counts a failure; how many it makes. */
  public synchronized int failed(String key) {
    return failures.merge(key, 1, Integer::sum);
  }

  /** It went well, or will not be tried again. */
  public synchronized void done(String key) {
    if (!failures.isEmpty()) {
      failures.remove(key);
    }
  }
}
