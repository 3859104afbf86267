package io.klingtracker.tenant;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.netty.util.NetUtil;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Addresses from which keys fail. An address that has failed often is answered 429, and its unknown
 * keys are looked up at a slow pace; keys that were good lately pass from everywhere, so that
 * nobody is shut out by others behind the same proxy.
 */
final class FailedKeys {

  /** Failures a minute before an address is slowed down. */
  static final int MAX_FAILURES = 600;

  /** Look-ups of unknown keys a second that a slowed-down address gets. */
  static final int SLOW_LOOK_UPS = 5;

  private static final Duration WINDOW = Duration.ofMinutes(1);
  private static final Duration GOOD_LATELY = Duration.ofHours(1);
  private static final int MAX_ADDRESSES = 20_000;
  private static final int NETWORK_BYTES = 8;

  private final Clock clock;
  private final int max;
  private final Cache<String, Failures> failures;
  private final Cache<String, Boolean> good;

  FailedKeys(Clock clock, int keys) {
    this(clock, keys, MAX_FAILURES);
  }

  /**
   * With a bound of its own.
   *
   * @param max failures a minute before an address is slowed down
   */
  FailedKeys(Clock clock, int keys, int max) {
    this.clock = clock;
    this.max = max;
    this.failures = Caches.afterAccess(MAX_ADDRESSES, WINDOW, clock);
    this.good = Caches.afterAccess(keys, GOOD_LATELY, clock);
  }

  /** How often one address has failed, in this window. */
  private final class Failures {
    private Instant windowEnd;
    private int count;
    private Instant secondEnd = Instant.EPOCH;
    private int lookUps;

    Failures(Instant windowEnd) {
      this.windowEnd = windowEnd;
    }

    synchronized void failed(Instant now) {
      renew(now);
      count++;
    }

    synchronized @Nullable Duration wait(Instant now) {
      renew(now);
      return count > max ? Duration.between(now, windowEnd) : null;
    }

    synchronized boolean mayLookUp(Instant now) {
      renew(now);
      if (count <= max) {
        return true;
      }
      if (!now.isBefore(secondEnd)) {
        secondEnd = now.plusSeconds(1);
        lookUps = 0;
      }
      return ++lookUps <= SLOW_LOOK_UPS;
    }

    private void renew(Instant now) {
      if (!now.isBefore(windowEnd)) {
        windowEnd = now.plus(WINDOW);
        count = 0;
      }
    }
  }

  /**
   * Whether a key may be looked up that is not known here.
   *
   * @param key what it is looked up by
   */
  boolean mayLookUp(String address, String key) {
    Failures seen = failures.getIfPresent(address);
    return seen == null || seen.mayLookUp(clock.instant()) || good.getIfPresent(key) != null;
  }

  void passed(String key) {
    // Each request comes here: a read takes no lock, and renews it as well.
    if (good.getIfPresent(key) == null) {
      good.put(key, Boolean.TRUE);
    }
  }

  /** Notes a failure; how long the address has to wait if it fails too often, else null. */
  @Nullable Duration failed(String address) {
    Instant now = clock.instant();
    Failures seen = failures.get(address, none -> new Failures(now.plus(WINDOW)));
    seen.failed(now);
    return seen.wait(now);
  }

  /** How long the address has to wait, or null. */
  @Nullable Duration wait(String address) {
    Failures seen = failures.getIfPresent(address);
    return seen == null ? null : seen.wait(clock.instant());
  }

  /** What addresses are counted by: one of IPv4, a network of 64 bits of IPv6. */
  static String network(@Nullable String address) {
    byte[] bytes = address == null ? null : NetUtil.createByteArrayFromIpAddressString(address);
    if (bytes == null) {
      return "unknown";
    }
    return HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, NETWORK_BYTES));
  }
}
