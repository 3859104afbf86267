package io.klingtracker.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

/**
 * Makes caches: a bounded number of entries, kept for a while by the service's clock. Reads take no
 * lock. What does not fit goes in the thread of whoever writes; which entry that is, is the cache's
 * to choose, by how often each is asked for; {@link Newest} lets go of the oldest instead.
 */
public final class Caches {

  private Caches() {}

  /**
   * Entries end some time after they were written.
   *
   * @param most entries kept; 0 keeps none
   */
  public static <K, V> Cache<K, V> afterWrite(int most, Duration life, Clock clock) {
    return timed(clock).maximumSize(most).expireAfterWrite(life).build();
  }

  /**
   * Entries end some time after they were last asked for.
   *
   * @param most entries kept; 0 keeps none
   */
  public static <K, V> Cache<K, V> afterAccess(int most, Duration life, Clock clock) {
    return timed(clock).maximumSize(most).expireAfterAccess(life).build();
  }

  /**
   * Entries stay until there are too many.
   *
   * @param most entries kept
   */
  public static <K, V> Cache<K, V> bounded(int most) {
    return Caffeine.newBuilder().maximumSize(most).executor(Runnable::run).build();
  }

  /** By the service's clock, and without a bound yet. */
  static Caffeine<Object, Object> timed(Clock clock) {
    return Caffeine.newBuilder().executor(Runnable::run).ticker(() -> nanos(clock.instant()));
  }

  private static long nanos(Instant time) {
    return TimeUnit.SECONDS.toNanos(time.getEpochSecond()) + time.getNano();
  }
}
