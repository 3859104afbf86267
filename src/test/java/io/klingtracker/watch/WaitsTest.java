package io.klingtracker.watch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WaitsTest {

  @Test
  void one_key_with_all_places_leaves_room_for_others() {
    Waits waits = Watches.waits(4);
    List<Integer> ended = new ArrayList<>();
    List<Waits.Wait> greedy = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int number = i;
      greedy.add(waits.begin("greedy", () -> ended.add(number)));
    }
    ProblemException full =
        assertThrows(ProblemException.class, () -> waits.begin("greedy", () -> {}));
    assertEquals(ErrorCode.UNAVAILABLE, full.code());
    assertTrue(String.valueOf(full.getMessage()).contains("at most 4"), full.getMessage());

    waits.begin("other", () -> {});

    assertEquals(List.of(0), ended);
    ProblemException over =
        assertThrows(ProblemException.class, () -> waits.begin("greedy", () -> {}));
    assertTrue(String.valueOf(over.getMessage()).contains("your share"), over.getMessage());
    greedy.forEach(Waits.Wait::close);
    assertEquals(1, waits.open());
  }

  @Test
  void a_stop_ends_every_wait_and_who_comes_later_does_not_wait() {
    Waits waits = Watches.waits(4);
    List<String> ended = new ArrayList<>();
    waits.begin("acme", () -> ended.add("first"));
    waits.begin(
        "acme",
        () -> {
          throw new IllegalStateException("gone");
        });
    waits.begin("acme", () -> ended.add("left")).close();
    waits.begin("acme", () -> ended.add("last"));

    waits.endAll();

    assertEquals(List.of("first", "last"), ended.stream().sorted().toList());
    waits.begin("acme", () -> ended.add("late")).close();
    assertTrue(ended.contains("late"), "who comes while it stops does not wait");
    assertEquals(3, waits.open(), "and has left; the others are about to");
  }
}
