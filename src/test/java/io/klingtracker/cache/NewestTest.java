package io.klingtracker.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.klingtracker.testing.TestClock;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Which entries are kept. */
class NewestTest {

  private static final int MOST = 100;

  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00Z"));
  private final Newest<Integer, String> cache = new Newest<>(MOST, Duration.ofSeconds(60), clock);

  private int kept(int from, int to) {
    return (int) IntStream.range(from, to).filter(key -> cache.get(key) != null).count();
  }

  private void put(int from, int to) {
    IntStream.range(from, to).forEach(key -> cache.put(key, "value " + key));
  }

  @Test
  void what_is_new_is_kept_however_often_the_rest_was_asked_for() {
    put(0, MOST);
    for (int time = 0; time < 20; time++) {
      assertEquals(MOST, kept(0, MOST));
    }

    put(MOST, 2 * MOST);

    assertEquals(MOST, kept(MOST, 2 * MOST));
    assertEquals(0, kept(0, MOST));
  }

  @Test
  void there_are_never_more_and_the_oldest_goes_first() {
    put(0, MOST + 1);

    assertEquals(MOST, kept(0, MOST + 1));
    assertNull(cache.get(0));
  }

  @Test
  void an_entry_ends_and_makes_room() {
    put(0, MOST);
    clock.advance(Duration.ofSeconds(61));

    assertEquals(0, kept(0, MOST));
    put(MOST, 2 * MOST);

    assertEquals(MOST, kept(MOST, 2 * MOST));
  }

  @Test
  void one_of_none_keeps_none() {
    Newest<Integer, String> none = new Newest<>(0, Duration.ofSeconds(60), clock);

    none.put(1, "value");

    assertNull(none.get(1));
  }

  @Test
  void what_is_not_wanted_any_more_goes() {
    put(0, 3);
    cache.removeIf("value 1"::equals);
    assertEquals(2, kept(0, 3));

    cache.clear();

    assertEquals(0, kept(0, 3));
  }
}
