package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForecastTest {

  @ParameterizedTest
  @CsvSource({
    // ahead, slots, free, share, render seconds, expected seconds
    "0, 5, 5, 1, 100, 0",
    "4, 5, 5, 1, 100, 0",
    "0, 5, 0, 1, 100, 20",
    "9, 5, 0, 1, 100, 200",
    "9, 5, 0, 0.5, 100, 400",
    "9, 10, 0, 1, 100, 100",
  })
  void a_queue_moves_by_its_slots_each_render_time(
      int ahead, int slots, int free, double share, long render, long expected) {
    assertEquals(
        Duration.ofSeconds(expected),
        new Forecast(ahead, slots, free, share, Duration.ofSeconds(render)).untilDispatch());
  }

  @Test
  void a_finish_is_one_render_after_the_dispatch() {
    assertEquals(
        Duration.ofSeconds(120), new Forecast(0, 5, 0, 1, Duration.ofSeconds(100)).untilFinish());
  }

  @Test
  void nobody_knows_without_slots_or_a_render_time() {
    assertNull(new Forecast(0, 0, 0, 1, Duration.ofSeconds(100)).untilDispatch());
    assertNull(new Forecast(9, 5, 0, 1, null).untilDispatch());
    assertNull(new Forecast(0, 5, 5, 1, null).untilFinish());
    assertEquals(Duration.ZERO, new Forecast(0, 5, 5, 1, null).untilDispatch());
  }
}
