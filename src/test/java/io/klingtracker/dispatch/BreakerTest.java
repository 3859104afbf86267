package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.dispatch.Breaker.State;
import io.klingtracker.retry.Backoff;
import io.klingtracker.testing.TestClock;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BreakerTest {

  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final Breaker breaker =
      new Breaker(
          3, new Backoff(Duration.ofSeconds(2), Duration.ofSeconds(60), 0), clock, new Random(1));

  @Test
  void failures_with_an_answer_between_them_do_not_open_it() {
    fail(2);
    breaker.answered();
    fail(2);

    assertEquals(State.CLOSED, breaker.state());
  }

  @Test
  void failures_in_a_row_open_it_for_a_while() {
    fail(3);
    assertEquals(State.OPEN, breaker.state());

    clock.advance(Duration.ofSeconds(2));
    assertEquals(State.HALF_OPEN, breaker.state());
  }

  @Test
  void half_open_it_lets_one_through_and_an_answer_closes_it() {
    fail(3);
    clock.advance(Duration.ofSeconds(2));
    breaker.tries();
    assertEquals(State.OPEN, breaker.state());

    breaker.answered();
    assertEquals(State.CLOSED, breaker.state());
  }

  @Test
  void a_failed_trial_opens_it_for_longer() {
    fail(3);
    clock.advance(Duration.ofSeconds(2));
    breaker.tries();
    fail(1);

    clock.advance(Duration.ofSeconds(3));
    assertEquals(State.OPEN, breaker.state());
    clock.advance(Duration.ofSeconds(1));
    assertEquals(State.HALF_OPEN, breaker.state());
  }

  @Test
  void failures_of_what_left_before_it_opened_do_not_prolong_it() {
    fail(9);

    clock.advance(Duration.ofSeconds(2));
    assertEquals(State.HALF_OPEN, breaker.state());
  }

  private void fail(int times) {
    for (int i = 0; i < times; i++) {
      breaker.failed();
    }
  }
}
