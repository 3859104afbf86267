package io.klingtracker.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallTurnsTest {

  /** What waits, as urgency's first letter and tenant; what is taken, in order. */
  @ParameterizedTest
  @CsvSource({
    "'', ''",
    "Pa Pa Pb Pa Pb, Pa Pb Pa Pb Pa",
    "Ua Ua Ua Pb, Pb Ua Ua Ua",
    "?a ?a ?a Uc Pb, Pb Uc ?a ?a ?a",
    "Pa Pb Pc Pa, Pa Pb Pc Pa",
  })
  void proofs_come_first_and_tenants_in_turn(String waiting, String taken) {
    CallTurns<String> turns = new CallTurns<>();
    for (String item : waiting.isEmpty() ? new String[0] : waiting.split(" ")) {
      turns.add(urgency(item), item.substring(1), item);
    }
    assertEquals(taken, String.join(" ", all(turns)));
  }

  @Test
  void one_who_comes_late_waits_for_no_more_than_one_turn_of_each_tenant() {
    CallTurns<String> turns = new CallTurns<>();
    for (int i = 0; i < 3000; i++) {
      turns.add(Urgency.USUAL, "greedy", "g" + i);
      turns.add(Urgency.PROOF, "greedy", "p" + i);
    }
    for (int i = 0; i < 100; i++) {
      turns.next();
    }
    turns.add(Urgency.PROOF, "quiet", "proof");
    turns.add(Urgency.USUAL, "quiet", "usual");

    List<String> next = all(turns).subList(0, 12);

    assertTrue(next.indexOf("proof") >= 0 && next.indexOf("proof") <= 2, next.toString());
    assertTrue(next.indexOf("usual") >= 0, next.toString());
  }

  @Test
  void each_urgency_gets_its_part_while_all_of_them_wait() {
    CallTurns<String> turns = new CallTurns<>();
    for (int i = 0; i < 100; i++) {
      turns.add(Urgency.PROOF, "a", "P");
      turns.add(Urgency.USUAL, "b", "U");
      turns.add(Urgency.UNKNOWN, "c", "?");
    }
    List<String> twenty = all(turns).subList(0, 20);
    assertEquals(14, twenty.stream().filter("P"::equals).count());
    assertEquals(5, twenty.stream().filter("U"::equals).count());
    assertEquals(1, twenty.stream().filter("?"::equals).count());
  }

  @Test
  void who_waited_for_nothing_has_saved_up_nothing() {
    CallTurns<String> turns = new CallTurns<>();
    for (int i = 0; i < 100; i++) {
      turns.add(Urgency.PROOF, "a", "P");
    }
    for (int i = 0; i < 50; i++) {
      turns.next();
    }
    for (int i = 0; i < 50; i++) {
      turns.add(Urgency.UNKNOWN, "c", "?");
    }
    assertEquals(1, all(turns).subList(0, 14).stream().filter("?"::equals).count());
  }

  @Test
  void calls_are_made_at_the_rate_and_none_is_forgotten() {
    AtomicLong nanos = new AtomicLong();
    CallRate rate = new CallRate(1000, nanos::get);
    List<String> made = new ArrayList<>();
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (String tenant : List.of("a", "a", "a", "b")) {
      answers.add(
          rate.call(
              "default",
              Urgency.USUAL,
              tenant,
              () -> {
                synchronized (made) {
                  made.add(tenant);
                  nanos.addAndGet(2_000_000);
                }
                return CompletableFuture.completedFuture(tenant);
              }));
    }
    nanos.addAndGet(2_000_000);
    CompletableFuture<String> failing =
        rate.call(
            "default",
            Urgency.USUAL,
            "c",
            () -> {
              throw new IllegalStateException("broken");
            });

    answers.forEach(CompletableFuture::join);
    assertTrue(failing.handle((said, failure) -> failure != null).join());
    assertEquals(4, made.size());
  }

  private static Urgency urgency(String item) {
    return switch (item.charAt(0)) {
      case 'P' -> Urgency.PROOF;
      case 'U' -> Urgency.USUAL;
      default -> Urgency.UNKNOWN;
    };
  }

  private static List<String> all(CallTurns<String> turns) {
    List<String> taken = new ArrayList<>();
    for (Optional<String> next = turns.next(); next.isPresent(); next = turns.next()) {
      taken.add(next.get());
    }
    assertTrue(turns.isEmpty());
    return taken;
  }
}
