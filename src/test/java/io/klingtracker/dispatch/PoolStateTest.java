package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PoolStateTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final int CONFIGURED = 5;

  private final PoolState.Waits waits =
      new PoolState.Waits() {
        @Override
        public Duration beforeRaise(int lowerings) {
          return Duration.ofSeconds(10L * lowerings);
        }

        @Override
        public Duration beforeNext(int refusals) {
          return Duration.ofSeconds(refusals);
        }

        @Override
        public Duration beforeProbe(int refusals) {
          return Duration.ofMinutes(refusals);
        }
      };

  @ParameterizedTest
  @CsvSource({"4, 4", "3, 3", "1, 1", "0, 1"})
  void a_full_pool_is_lowered_to_what_runs_there(int others, int limit) {
    assertEquals(limit, PoolState.FREE.full(others, NOW, waits).loweredTo());
  }

  @Test
  void it_is_shut_only_when_nothing_of_ours_runs_there() {
    assertFalse(PoolState.FREE.full(1, NOW, waits).isShut(NOW));

    PoolState shut = PoolState.FREE.full(0, NOW, waits);
    assertTrue(shut.isShut(NOW));
    assertFalse(shut.isShut(NOW.plusSeconds(1)));
  }

  @Test
  void each_refusal_in_a_row_waits_longer() {
    PoolState once = PoolState.FREE.full(0, NOW, waits);
    PoolState twice = once.full(0, NOW, waits);

    assertEquals(NOW.plusSeconds(1), once.notBefore());
    assertEquals(NOW.plusSeconds(2), twice.notBefore());
    assertEquals(NOW.plusSeconds(20), twice.raiseAt());
  }

  @Test
  void a_limit_never_rises_by_refusals() {
    PoolState two = PoolState.FREE.full(2, NOW, waits);

    assertEquals(2, two.full(4, NOW, waits).loweredTo());
  }

  @Test
  void an_acceptance_raises_a_limit_that_was_used_up_when_its_time_has_come() {
    PoolState three = PoolState.FREE.full(3, NOW, waits);
    Instant later = NOW.plusSeconds(10);

    assertEquals(3, three.accepted(NOW, 3, CONFIGURED, NOW.plusSeconds(9)).loweredTo());
    assertEquals(3, three.accepted(NOW, 2, CONFIGURED, later).loweredTo());
    assertEquals(4, three.accepted(NOW, 3, CONFIGURED, later).loweredTo());
  }

  @Test
  void with_its_last_slot_back_a_pool_is_as_configured() {
    PoolState four = PoolState.FREE.full(4, NOW, waits);

    assertEquals(PoolState.FREE, four.accepted(NOW, 4, CONFIGURED, NOW.plusSeconds(10)));
  }

  @Test
  void a_busy_account_is_shut_and_an_acceptance_opens_it() {
    PoolState busy = PoolState.FREE.busy(NOW, waits);

    assertTrue(busy.isShut(NOW));
    assertNull(busy.loweredTo());
    assertEquals(PoolState.FREE, busy.accepted(NOW, 1, CONFIGURED, NOW));
  }

  @Test
  void a_parking_keeps_its_time_and_is_probed_less_and_less_often() {
    PoolState parked = PoolState.FREE.refused(1101, "arrears", NOW, waits);
    PoolState still = parked.refused(1101, "arrears", NOW.plusSeconds(60), waits);

    assertEquals(NOW.plusSeconds(60), parked.notBefore());
    assertEquals(NOW.plusSeconds(180), still.notBefore());
    assertNotNull(still.parked());
    assertEquals(NOW, still.parked().at());
  }

  @Test
  void only_an_acceptance_of_something_sent_later_ends_a_parking() {
    PoolState parked = PoolState.FREE.refused(1102, "empty", NOW, waits);

    assertEquals(parked, parked.accepted(NOW, 1, CONFIGURED, NOW.plusSeconds(1)));
    assertEquals(
        PoolState.FREE, parked.accepted(NOW.plusSeconds(60), 1, CONFIGURED, NOW.plusSeconds(61)));
  }
}
