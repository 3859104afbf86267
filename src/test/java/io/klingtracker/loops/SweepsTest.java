package io.klingtracker.loops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Each sweep at its own time, whatever becomes of the others. */
class SweepsTest {

  private final List<String> ran = new ArrayList<>();
  private long now = Long.MAX_VALUE - 5;
  private final Sweeps sweeps = new Sweeps(new Loops(), () -> now);

  @Test
  void each_runs_first_at_the_start_and_then_at_its_own_time() throws Exception {
    sweeps.add("keys", Duration.ofSeconds(1), () -> run("keys"));
    sweeps.add("sessions", Duration.ofSeconds(3), () -> run("sessions"));

    assertEquals(List.of("keys", "sessions"), pass());
    assertEquals(List.of(), pass());
    now += Duration.ofSeconds(1).toNanos() - 1;
    assertEquals(List.of(), pass());
    now += 1;
    assertEquals(List.of("keys"), pass());
    now += Duration.ofSeconds(2).toNanos();
    assertEquals(List.of("keys", "sessions"), pass());
  }

  @Test
  void what_has_more_runs_again_at_once_and_alone() throws Exception {
    Deque<Boolean> more = new ArrayDeque<>(List.of(true, true, false));
    sweeps.add("keys", Duration.ofSeconds(1), () -> run("keys"));
    sweeps.add(
        "receipts",
        Duration.ofSeconds(1),
        () -> {
          run("receipts");
          return more.remove();
        });

    assertTrue(sweeps.runOnce());
    ran.clear();
    assertTrue(sweeps.runOnce());
    assertEquals(List.of("receipts"), ran);
    assertFalse(sweeps.runOnce());
    assertEquals(List.of(), pass());
  }

  @Test
  void one_that_fails_keeps_no_other_back_and_is_tried_again_until_it_succeeds() throws Exception {
    Deque<Boolean> fails = new ArrayDeque<>(List.of(true, true, false));
    sweeps.add(
        "keys",
        Duration.ofMinutes(1),
        () -> {
          run("keys");
          if (fails.remove()) {
            throw new IllegalStateException("no connection");
          }
          return false;
        });
    sweeps.add("receipts", Duration.ofMinutes(1), () -> run("receipts"));

    Exception failure = assertThrows(IllegalStateException.class, sweeps::runOnce);
    assertTrue(String.valueOf(failure.getMessage()).contains("sweep of keys: "), failure::toString);
    assertEquals(List.of("keys", "receipts"), ran);
    ran.clear();
    assertThrows(IllegalStateException.class, sweeps::runOnce);
    assertEquals(List.of("keys"), ran);
    ran.clear();
    assertEquals(List.of("keys"), pass());
    assertEquals(List.of(), pass());
  }

  @Test
  void all_that_fail_are_named() {
    for (String name : List.of("keys", "receipts", "sessions")) {
      sweeps.add(
          name,
          Duration.ofMinutes(1),
          () -> {
            throw new IllegalStateException("no connection");
          });
    }

    Exception failure = assertThrows(IllegalStateException.class, sweeps::runOnce);

    for (String name : List.of("keys", "receipts", "sessions")) {
      assertTrue(String.valueOf(failure.getMessage()).contains("sweep of " + name + ": "), name);
    }
  }

  private boolean run(String name) {
    ran.add(name);
    return false;
  }

  private List<String> pass() throws Exception {
    ran.clear();
    assertFalse(sweeps.runOnce());
    return List.copyOf(ran);
  }
}
