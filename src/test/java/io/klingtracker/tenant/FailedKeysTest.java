package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestClock;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** Who tries keys is slowed down; whoever has a good one is not. */
class FailedKeysTest {

  private static final String ADDRESS = "7f000001";

  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final FailedKeys keys = new FailedKeys(clock, 100);

  @Test
  void an_address_waits_for_the_rest_of_its_minute_once_it_has_failed_too_often() {
    for (int i = 0; i < FailedKeys.MAX_FAILURES; i++) {
      assertNull(keys.failed(ADDRESS));
    }
    clock.advance(Duration.ofSeconds(20));

    assertEquals(Duration.ofSeconds(40), keys.failed(ADDRESS));
    assertEquals(Duration.ofSeconds(40), keys.wait(ADDRESS));
    assertNull(keys.wait("another"));

    clock.advance(Duration.ofSeconds(40));
    assertNull(keys.wait(ADDRESS));
    assertNull(keys.failed(ADDRESS));
  }

  @Test
  void unknown_keys_of_such_an_address_are_looked_up_slowly() {
    fail();

    for (int second = 0; second < 3; second++) {
      for (int i = 0; i < FailedKeys.SLOW_LOOK_UPS; i++) {
        assertTrue(keys.mayLookUp(ADDRESS, "unknown" + i));
      }
      assertFalse(keys.mayLookUp(ADDRESS, "unknown"));
      clock.advance(Duration.ofSeconds(1));
    }
    assertTrue(keys.mayLookUp("another", "unknown"));

    clock.advance(Duration.ofMinutes(1));
    for (int i = 0; i <= FailedKeys.SLOW_LOOK_UPS; i++) {
      assertTrue(keys.mayLookUp(ADDRESS, "unknown"));
    }
  }

  @Test
  void a_key_that_was_good_lately_passes_from_such_an_address_however_many_are_tried_there() {
    keys.passed("good");
    fail();

    for (int i = 0; i < 10 * FailedKeys.SLOW_LOOK_UPS; i++) {
      keys.mayLookUp(ADDRESS, "unknown");
      assertTrue(keys.mayLookUp(ADDRESS, "good"));
    }
  }

  @Test
  void an_address_is_one_of_version_4_or_a_network_of_version_6() {
    assertNotEquals(FailedKeys.network("192.0.2.1"), FailedKeys.network("192.0.2.2"));
    assertEquals(FailedKeys.network("2001:db8:1:2::1"), FailedKeys.network("2001:db8:1:2:ffff::9"));
    assertNotEquals(FailedKeys.network("2001:db8:1:2::1"), FailedKeys.network("2001:db8:1:3::1"));
    assertEquals(FailedKeys.network(null), FailedKeys.network("no address"));
  }

  private void fail() {
    for (int i = 0; i <= FailedKeys.MAX_FAILURES; i++) {
      keys.failed(ADDRESS);
    }
  }
}
