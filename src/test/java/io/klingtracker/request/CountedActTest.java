package io.klingtracker.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Nothing is done but to as many as were confirmed. */
class CountedActTest {

  private final List<String> done = new ArrayList<>();

  private CountedAct.Answer of(@Nullable Integer confirm, List<String> things) {
    return CountedAct.of(
        confirm,
        things,
        all -> {
          done.addAll(all);
          return all.size();
        });
  }

  @Test
  void without_a_number_they_are_counted() {
    assertEquals(new CountedAct.Answer(2, 0), of(null, List.of("a", "b")));
    assertEquals(List.of(), done);
  }

  @Test
  void with_their_number_it_is_done() {
    assertEquals(new CountedAct.Answer(2, 2), of(2, List.of("a", "b")));
    assertEquals(List.of("a", "b"), done);
    assertEquals(new CountedAct.Answer(0, 0), of(0, List.of()));
  }

  @Test
  void with_another_number_the_new_one_is_told() {
    ProblemException refused = assertThrows(ProblemException.class, () -> of(3, List.of("a", "b")));

    assertEquals(ErrorCode.CONFLICT, refused.code());
    assertEquals(Map.of("matched", 2), refused.members());
    assertEquals(List.of(), done);
  }

  @Test
  void more_than_an_act_is_for_are_refused_before_and_after_the_confirmation() {
    List<String> many = Collections.nCopies(CountedAct.MOST + 1, "a");
    for (Integer confirm : new Integer[] {null, CountedAct.MOST + 1}) {
      ProblemException refused = assertThrows(ProblemException.class, () -> of(confirm, many));
      assertEquals(ErrorCode.INVALID_REQUEST, refused.code());
      assertTrue(String.valueOf(refused.getMessage()).contains("narrow it down"));
    }
    assertEquals(List.of(), done);
  }
}
