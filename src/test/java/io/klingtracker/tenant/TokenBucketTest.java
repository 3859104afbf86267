package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class TokenBucketTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");

  @Test
  void a_burst_passes_at_once_and_then_the_rate_counts() {
    TokenBucket bucket = new TokenBucket(3, NOW);

    for (int i = 0; i < 3; i++) {
      assertEquals(Duration.ZERO, bucket.take(2, 3, NOW));
    }
    assertEquals(Duration.ofMillis(500), bucket.take(2, 3, NOW));
    assertEquals(Duration.ZERO, bucket.take(2, 3, NOW.plusMillis(500)));
    assertEquals(Duration.ofMillis(500), bucket.take(2, 3, NOW.plusMillis(500)));
  }

  @Test
  void a_long_rest_gives_no_more_than_a_burst() {
    TokenBucket bucket = new TokenBucket(3, NOW);

    assertEquals(4, taken(bucket, NOW.plusSeconds(3600)));
  }

  @Test
  void a_clock_that_goes_back_gives_nothing() {
    TokenBucket bucket = new TokenBucket(3, NOW);
    taken(bucket, NOW);

    assertTrue(bucket.take(2, 3, NOW.minusSeconds(60)).compareTo(Duration.ZERO) > 0);
    assertEquals(0, taken(bucket, NOW.minusSeconds(60)));
  }

  @Test
  void times_out_of_order_as_parallel_callers_bring_them_give_nothing_twice() {
    TokenBucket bucket = new TokenBucket(1, NOW);
    int taken = 0;
    for (int i = 0; i < 1000; i++) {
      // One caller looked at the clock nine milliseconds before the other, and comes after it.
      taken += bucket.take(10, 1, NOW.plusMillis(i + 9)).isZero() ? 1 : 0;
      taken += bucket.take(10, 1, NOW.plusMillis(i)).isZero() ? 1 : 0;
    }

    assertTrue(taken >= 10 && taken <= 12, "taken " + taken);
  }

  @Test
  void calls_less_than_a_millisecond_apart_get_their_rate() {
    TokenBucket bucket = new TokenBucket(1, NOW);
    int taken = 0;
    for (int i = 0; i < 10_000; i++) {
      taken += bucket.take(100, 1, NOW.plusNanos(i * 100_000L)).isZero() ? 1 : 0;
    }

    assertTrue(taken >= 99 && taken <= 102, "taken " + taken);
  }

  @Test
  void what_others_took_is_paid_back() {
    TokenBucket bucket = new TokenBucket(4, NOW);
    UUID other = UUID.randomUUID();
    bucket.addRemote(other, 100, NOW.minusSeconds(5));
    bucket.synced();
    assertEquals(4, taken(bucket, NOW));
    bucket.addRemote(other, 106, NOW);

    // Six tokens of debt at two a second, and one to take.
    assertEquals(Duration.ofMillis(3500), bucket.take(2, 4, NOW));
    assertEquals(1, taken(bucket, NOW.plusMillis(3500)));
  }

  @Test
  void what_others_took_before_is_a_burst_at_most_and_a_newcomer_counts_in_full() {
    TokenBucket bucket = new TokenBucket(4, NOW);
    bucket.addRemote(UUID.randomUUID(), 1000, NOW);
    bucket.synced();
    assertEquals(Duration.ofMillis(500), bucket.take(2, 4, NOW));

    bucket.addRemote(UUID.randomUUID(), 3, NOW);
    assertEquals(Duration.ofMillis(2000), bucket.take(2, 4, NOW));
  }

  private static int taken(TokenBucket bucket, Instant at) {
    int count = 0;
    while (bucket.take(2, 4, at).isZero()) {
      count++;
      if (count > 100) {
        break;
      }
    }
    return Math.min(count, 100);
  }
}
