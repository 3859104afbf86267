package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.klingtracker.testing.TestClock;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class RefusedAdminKeysTest {

  private final TestClock clock = new TestClock(Instant.EPOCH);
  private final RefusedAdminKeys keys = new RefusedAdminKeys(clock);

  @Test
  void the_first_is_told_at_once_and_a_flood_in_one_line_a_minute() {
    assertEquals("a key for /admin was refused, from 10.0.0.1", keys.refused("10.0.0.1"));
    for (int i = 0; i < 1000; i++) {
      assertNull(keys.refused("10.0.0.2"));
    }
    clock.advance(RefusedAdminKeys.EVERY);
    assertEquals(
        "1001 keys for /admin were refused since the last such line, the latest from 10.0.0.3",
        keys.refused("10.0.0.3"));
    assertNull(keys.refused("10.0.0.3"));
  }
}
