package io.klingtracker.cache;

import com.github.benmanes.caffeine.cache.Cache;
import java.time.Clock;
import java.time.Duration;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A cache of the newest: what does not fit goes in the place of the oldest, however often that was
 * asked for. {@link Caches} choose by use instead, and once they are full of what was asked for
 * twice they keep out what is new, even if it is asked for many times in a row. Reads take no lock.
 */
public final class Newest<K, V> {

  private final Cache<K, V> cache;
  private final int most;

  /**
   * An empty one.
   *
   * @param most entries kept; 0 keeps none
   * @param life how long after it was written an entry ends
   */
  public Newest(int most, Duration life, Clock clock) {
    this.most = most;
    this.cache = Caches.timed(clock).expireAfterWrite(life).build();
  }

  /** What is kept of a key; null for nothing. */
  public @Nullable V get(K key) {
    return cache.getIfPresent(key);
  }

  /** Keeps an entry, and lets go of the oldest where there are too many. */
  public void put(K key, V value) {
    cache.put(key, value);
    long tooMany = cache.estimatedSize() - most;
    if (tooMany > 0) {
      cache
          .policy()
          .expireAfterWrite()
          .ifPresent(age -> cache.invalidateAll(age.oldest((int) tooMany).keySet()));
    }
  }

  /** Lets go of one. */
  public void remove(K key) {
    cache.invalidate(key);
  }

  /** Lets go of those whose values are such. */
  public void removeIf(Predicate<V> such) {
    cache.asMap().values().removeIf(such);
  }

  /** Lets go of all. */
  public void clear() {
    cache.invalidateAll();
  }
}
