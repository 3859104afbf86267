package io.klingtracker.tenant;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What the log receives of refused administrators' keys: the first at once, then one line a minute,
 * however many there are; {@code tracker.auth.failures} counts them all. Never what was sent.
 */
final class RefusedAdminKeys {

  static final Duration EVERY = Duration.ofMinutes(1);

  private final Clock clock;
  private Instant next = Instant.MIN;
  private long unsaid;

  RefusedAdminKeys(Clock clock) {
    this.clock = clock;
  }

  /** A line for the log, or null while it is not yet time for one. */
  synchronized @Nullable String refused(String address) {
    unsaid++;
    Instant now = clock.instant();
    if (now.isBefore(next)) {
      return null;
    }
    String line =
        unsaid == 1
            ? "a key for /admin was refused, from " + address
            : unsaid
                + " keys for /admin were refused since the last such line, the latest from "
                + address;
    next = now.plus(EVERY);
    unsaid = 0;
    return line;
  }
}
