package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.dispatch.PoolState.Sent;
import io.klingtracker.kling.ParallelSlots;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PoolStateTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final int CONFIGURED = 120;
  private static final ParallelSlots SLOTS = ParallelSlots.fixed(CONFIGURED);

  private final PoolBackoff backoff =
      new PoolBackoff() {
        @Override
        public Duration beforeRaise(int failed) {
          return Duration.ofSeconds(Math.max(1, failed));
        }

        @Override
        public Duration beforeTry(int refusals) {
          return Duration.ofMillis(500);
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

  private PoolState full(PoolState state, int used, Instant at) {
    return state.full(sent(state.epoch(), at), used, SLOTS, at, backoff);
  }

  private static Sent sent(int epoch, Instant at) {
    return new Sent(1, epoch, at);
  }

  private static int limit(PoolState state) {
    SlotLimit lowered = state.lowered();
    return lowered == null ? CONFIGURED : lowered.limit();
  }

  @ParameterizedTest
  @CsvSource({"120, 116", "64, 62", "33, 31", "32, 31", "5, 4", "2, 1", "1, 1"})
  void a_cut_is_small_where_much_runs(int used, int limit) {
    assertEquals(limit, limit(full(PoolState.UNRESTRICTED, used, NOW)));
  }

  @Test
  void refusals_of_one_moment_are_one_cut_and_give_back_what_they_were_counted_for() {
    PoolState state = PoolState.UNRESTRICTED;
    for (int used = CONFIGURED; used > 100; used--) {
      state = state.full(sent(0, NOW), used, SLOTS, NOW, backoff);
    }

    assertEquals(1, state.epoch());
    assertEquals(116 - 19, limit(state));
    assertEquals(NOW.plusSeconds(1), lowered(state).raiseAt());
  }

  @Test
  void it_rises_in_growing_steps_to_what_was_good_and_then_waits() {
    PoolState state = new PoolState(new SlotLimit(20, 50, 0, false, 3, 0, 1, NOW), null, 0, null);
    int[] expected = {21, 23, 27, 35, 43, 47, 49, 50, 50};
    Instant now = NOW;
    for (int limit : expected) {
      now = now.plusMillis(500);
      state = state.raised(SLOTS, now, backoff).accepted(sent(state.epoch() + 1, now), now);
      assertEquals(limit, limit(state));
    }
    assertEquals(0, lowered(state).step());

    now = now.plusSeconds(3);
    assertEquals(51, limit(state.raised(SLOTS, now, backoff)));
  }

  @Test
  void a_step_is_not_followed_by_another_before_kling_took_something_under_it() {
    PoolState one =
        new PoolState(new SlotLimit(20, 50, 0, false, 0, 0, 1, NOW), null, 0, null)
            .raised(SLOTS, NOW, backoff);
    Instant later = NOW.plusSeconds(2);

    assertEquals(21, limit(one.raised(SLOTS, later, backoff)));
    assertEquals(one, one.accepted(sent(1, NOW.minusSeconds(1)), later), "left before the step");
    // It took two seconds to be accepted; what left with it may be refused as late as that.
    PoolState proved = one.accepted(sent(2, NOW), later);
    assertEquals(21, limit(proved.raised(SLOTS, later.plusMillis(1_999), backoff)));
    assertEquals(23, limit(proved.raised(SLOTS, later.plusMillis(2_000), backoff)));
    // Where nothing is ever accepted it continues nevertheless: renders take minutes.
    assertEquals(23, limit(one.raised(SLOTS, NOW.plusSeconds(15), backoff)));
  }

  @Test
  void refusals_now_and_then_leave_what_was_good() {
    PoolState state = new PoolState(new SlotLimit(100, 100, 0, false, 5, 0, 1, NOW), null, 0, null);
    for (int refusal = 0; refusal < 100; refusal++) {
      for (int create = 0; create < SlotLimit.DOUBT; create++) {
        state = state.sends();
      }
      state = full(state, 100, NOW);
      assertEquals(100, lowered(state).good());
      state = with(state, 100);
    }
  }

  @Test
  void refusals_in_quick_succession_lower_what_was_good() {
    PoolState state = new PoolState(new SlotLimit(100, 100, 0, false, 5, 0, 1, NOW), null, 0, null);

    state = full(state, 90, NOW);

    assertEquals(94, lowered(state).good());
    assertEquals(87, limit(state));
  }

  @Test
  void a_step_beyond_that_fails_is_waited_for_longer_each_time() {
    PoolState state = new PoolState(new SlotLimit(8, 8, 0, false, 0, 0, 1, NOW), null, 0, null);
    Instant now = NOW;
    for (int failed = 1; failed < 9; failed++) {
      state = state.raised(SLOTS, now, backoff);
      assertEquals(9, limit(state));
      state = full(state, 9, now);
      assertEquals(8, limit(state));
      assertEquals(now.plusSeconds(failed), lowered(state).raiseAt());
      now = lowered(state).raiseAt();
    }
  }

  @Test
  void after_many_creates_a_step_beyond_is_cheap_whatever_the_time() {
    PoolState state =
        new PoolState(
            new SlotLimit(8, 8, 0, false, 9, SlotLimit.CHEAP - 1, 1, NOW.plusSeconds(30)),
            null,
            0,
            null);

    assertEquals(8, limit(state.raised(SLOTS, NOW, backoff)));
    assertEquals(9, limit(state.sends().raised(SLOTS, NOW, backoff)));
  }

  @Test
  void with_its_last_slots_back_a_pool_is_as_configured() {
    PoolState state = new PoolState(new SlotLimit(119, 119, 0, false, 0, 0, 1, NOW), null, 0, null);

    assertEquals(PoolState.UNRESTRICTED, state.raised(SLOTS, NOW, backoff));
  }

  @Test
  void with_nothing_of_ours_there_it_is_shut_for_a_moment_and_not_raised() {
    PoolState others = full(PoolState.UNRESTRICTED, 2, NOW);
    assertFalse(others.isShut(NOW));

    PoolState shut = full(PoolState.UNRESTRICTED, 1, NOW);
    assertTrue(shut.isShut(NOW));
    assertFalse(shut.isShut(NOW.plusMillis(500)));
    assertEquals(shut, shut.raised(SLOTS, NOW.plusSeconds(9), backoff));
    PoolState open = shut.accepted(sent(shut.epoch(), NOW.plusSeconds(9)), NOW.plusSeconds(9));
    assertEquals(2, limit(open.raised(SLOTS, NOW.plusSeconds(9), backoff)));
  }

  @Test
  void a_busy_account_is_shut_and_an_acceptance_opens_it() {
    PoolState busy = PoolState.UNRESTRICTED.busy(NOW, backoff);

    assertTrue(busy.isShut(NOW));
    assertNull(busy.lowered());
    assertEquals(NOW.plusSeconds(2), busy.busy(NOW, backoff).notBefore());
    assertEquals(PoolState.UNRESTRICTED, busy.accepted(sent(7, NOW), NOW));
  }

  @Test
  void a_parking_keeps_its_time_and_is_probed_less_and_less_often() {
    PoolState parked = PoolState.UNRESTRICTED.refused(1101, "arrears", NOW, backoff);
    PoolState still = parked.refused(1101, "arrears", NOW.plusSeconds(60), backoff);

    assertEquals(NOW.plusSeconds(60), parked.notBefore());
    assertEquals(NOW.plusSeconds(180), still.notBefore());
    assertNotNull(still.parked());
    assertEquals(NOW, still.parked().at());
  }

  @Test
  void only_an_acceptance_of_something_sent_later_ends_a_parking() {
    PoolState parked = PoolState.UNRESTRICTED.refused(1102, "empty", NOW, backoff);

    assertEquals(parked, parked.accepted(sent(0, NOW), NOW.plusSeconds(1)));
    assertEquals(
        PoolState.UNRESTRICTED, parked.accepted(sent(0, NOW.plusSeconds(60)), NOW.plusSeconds(61)));
  }

  @Test
  void a_number_to_be_found_begins_low_and_goes_up_one_by_one_after_quiet_whiles() {
    ParallelSlots auto = ParallelSlots.of("auto");
    PoolState state = PoolState.UNRESTRICTED.begun(auto, NOW);
    assertEquals(5, lowered(state).limit());
    assertEquals(state, state.raised(auto, NOW.plusSeconds(9), backoff));

    Instant at = NOW;
    for (int limit = 6; limit <= 100; limit++) {
      at = at.plus(SlotLimit.QUIET);
      state = state.raised(auto, at, backoff);
      assertEquals(limit, lowered(state).limit());
      assertEquals(state, state.raised(auto, at.plusSeconds(9), backoff));
    }

    assertEquals(state, state.raised(auto, at.plusSeconds(3_600), backoff), "never more");
  }

  @Test
  void a_number_to_be_found_is_cut_once_for_one_moment_and_comes_back_soon() {
    ParallelSlots auto = ParallelSlots.of("auto");
    PoolState state = PoolState.UNRESTRICTED.begun(auto, NOW);
    Instant at = NOW;
    for (int limit = 6; limit <= 21; limit++) {
      at = at.plus(SlotLimit.QUIET);
      state = state.raised(auto, at, backoff);
    }
    int epoch = state.epoch();

    PoolState cut = state.full(sent(epoch, at), 21, auto, at, backoff);
    PoolState again = cut.full(sent(epoch, at), 20, auto, at, backoff);

    assertEquals(20, lowered(cut).limit());
    assertEquals(epoch + 1, again.epoch());
    assertEquals(19, lowered(again).limit(), "what it was counted for");
    // Back to what was seen to work after a second, beyond it after a quiet while.
    Instant soon = at.plusSeconds(1);
    assertEquals(cut, cut.raised(auto, soon, backoff));
    PoolState less = with(cut, 10).raised(auto, at.plus(SlotLimit.QUIET), backoff);
    assertEquals(11, lowered(less).limit());
    assertEquals(0, PoolState.UNRESTRICTED.begun(SLOTS, NOW).epoch());
    assertNull(PoolState.UNRESTRICTED.begun(SLOTS, NOW).lowered(), "a given number needs none");
  }

  private static SlotLimit lowered(PoolState state) {
    assertNotNull(state.lowered());
    return state.lowered();
  }

  private static PoolState with(PoolState state, int limit) {
    SlotLimit old = lowered(state);
    return new PoolState(
        new SlotLimit(
            limit, old.good(), 0, false, old.failed(), old.credit(), old.epoch(), old.raiseAt()),
        null,
        0,
        null);
  }
}
