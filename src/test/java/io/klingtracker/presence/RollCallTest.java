package io.klingtracker.presence;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.presence.RollCall.Seen;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who is dead, by looks a second apart. */
class RollCallTest {

  private final RollCall roll = new RollCall();
  private long now = 77;

  /** What the look a second later finds; {@code seenAt} is what the other wrote last. */
  private List<String> look(String seenAt, boolean hasSession) {
    now += Duration.ofSeconds(1).toNanos();
    return roll.look(List.of(new Seen("@b", 2, seenAt, hasSession)), now).stream()
        .map(dead -> dead.replica().id() + (dead.isFrozen() ? " frozen" : " gone"))
        .toList();
  }

  private void watched() {
    for (int beat = 0; beat < 7; beat++) {
      assertEquals(List.of(), look("before " + beat, true));
    }
  }

  @Test
  void one_without_a_session_is_dead_at_the_second_look() {
    watched();
    assertEquals(List.of(), look("last", false));
    assertEquals(List.of("@b gone"), look("last", false));
  }

  @Test
  void one_whose_session_was_cut_lives_when_it_goes_on_writing() {
    watched();
    for (int beat = 0; beat < 20; beat++) {
      assertEquals(List.of(), look("beat " + beat, false));
    }
  }

  @Test
  void one_that_writes_nothing_for_five_seconds_is_frozen() {
    watched();
    assertEquals(List.of(), look("last", true));
    for (int second = 1; second < 5; second++) {
      assertEquals(List.of(), look("last", true));
    }
    assertEquals(List.of("@b frozen"), look("last", true));
  }

  @Test
  void after_a_gap_nobody_is_dead_for_five_seconds() {
    watched();
    look("last", true);
    now += Duration.ofSeconds(60).toNanos();
    for (int second = 0; second < 5; second++) {
      assertEquals(List.of(), look("last", second == 0), "all may have been away as we were");
      assertFalse(roll.hasWatched(now));
    }
    assertEquals(List.of("@b gone"), look("last", false));
  }

  @Test
  void after_the_connection_was_lost_nobody_is_dead_for_five_seconds() {
    watched();
    look("last", true);
    roll.begin();
    for (int second = 0; second < 5; second++) {
      assertEquals(List.of(), look("last", true));
    }
    assertEquals(List.of("@b frozen"), look("last", true));
    assertTrue(roll.hasWatched(now));
  }

  @Test
  void a_clock_of_the_database_that_jumps_kills_nobody() {
    watched();
    assertEquals(List.of(), look("an hour later", true));
    assertEquals(List.of(), look("an hour earlier", true));
  }
}
