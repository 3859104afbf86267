package io.klingtracker.task;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.UUID;

/** Event ids: UUID version 7 (RFC 9562), 48 bits of milliseconds and 74 random bits. */
public final class EventId {

  private static final SecureRandom RANDOM = new SecureRandom();

  private EventId() {}

  /** A new one for an event of this time. */
  public static UUID next(Instant time) {
    long high = time.toEpochMilli() << 16 | 0x7000 | RANDOM.nextInt(0x1000);
    long low = RANDOM.nextLong() & 0x3fffffffffffffffL | 0x8000000000000000L;
    return new UUID(high, low);
  }
}
