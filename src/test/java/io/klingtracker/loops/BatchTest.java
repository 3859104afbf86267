package io.klingtracker.loops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BatchTest {

  private static final List<Integer> ITEMS = IntStream.range(0, 128).boxed().toList();

  private final List<Integer> done = new ArrayList<>();
  private final List<Integer> failed = new ArrayList<>();
  private int calls;

  @Test
  void what_goes_well_goes_together() {
    Batch.apply(ITEMS, all(Set.of(), null), this::failed);

    assertEquals(ITEMS, done);
    assertEquals(1, calls);
  }

  @Test
  void one_bad_item_fails_alone_and_costs_few_statements() {
    Batch.apply(ITEMS, all(Set.of(77), refused("22003")), this::failed);

    assertEquals(List.of(77), failed);
    assertEquals(127, new TreeSet<>(done).size());
    assertTrue(calls <= 15, calls + " calls");
  }

  @Test
  void many_bad_items_fail_alone_too() {
    Batch.apply(ITEMS, all(Set.of(0, 1, 64, 127), new NullPointerException()), this::failed);

    assertEquals(List.of(0, 1, 64, 127), failed);
    assertEquals(124, done.size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"08006", "57P01", "53300"})
  void a_database_that_is_away_is_no_items_failure(String state) {
    assertThrows(
        RuntimeException.class,
        () -> Batch.apply(ITEMS, all(Set.of(3), refused(state)), this::failed));
    assertThrows(
        RuntimeException.class,
        () -> Batch.each(ITEMS, one(Set.of(3), refused(state)), this::failed));
    assertEquals(List.of(), failed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"55P03", "57014"})
  void a_time_out_of_one_is_its_own_and_of_two_in_a_row_the_databases(String state) {
    Batch.apply(ITEMS, all(Set.of(3), refused(state)), this::failed);
    assertEquals(List.of(3), failed);
    assertEquals(127, done.size());

    assertThrows(
        RuntimeException.class,
        () -> Batch.apply(ITEMS, all(Set.of(3, 4), refused(state)), this::failed));
    assertThrows(
        RuntimeException.class,
        () -> Batch.apply(List.of(3), all(Set.of(3), refused(state)), this::failed));
  }

  @Test
  void what_is_to_become_of_a_failed_item_may_fail_as_well() {
    Batch.each(
        ITEMS,
        one(Set.of(0, 5), new IllegalStateException("no")),
        (item, failure) -> {
          throw new IllegalArgumentException("neither");
        });

    assertEquals(126, done.size());
  }

  @Test
  void an_item_that_is_nested_too_deeply_is_an_item_that_fails() {
    Batch.each(
        List.of(1, 2),
        item -> {
          if (item == 1) {
            throw new StackOverflowError();
          }
          done.add(item);
        },
        this::failed);

    assertEquals(List.of(1), failed);
    assertEquals(List.of(2), done);
  }

  @ParameterizedTest
  @CsvSource({
    "22021, 1, true",
    "22003, 1, true",
    "54000, 1, true",
    "23514, 2, false",
    "23514, 3, true",
    "XX000, 19, false",
    "XX000, 20, true"
  })
  void data_that_cannot_be_stored_is_set_aside_at_once_and_the_rest_later(
      String state, int attempts, boolean due) {
    assertEquals(due, SetAside.isDue(refused(state), attempts));
  }

  @Test
  void a_reason_is_one_bounded_clean_line() {
    String reason =
        SetAside.reason(
            new IllegalStateException(
                "outer",
                new SQLException("a\0b" + "x".repeat(1000) + "\nDetail: secret", "22021")));

    assertTrue(reason.startsWith("SQLException: a\ufffdb"), reason);
    assertEquals(500, reason.length());
    assertFalse(reason.contains("secret"));
  }

  @Test
  void failures_are_counted_per_item_until_it_goes_well() {
    Attempts attempts = new Attempts();
    assertEquals(1, attempts.failed("a"));
    assertEquals(2, attempts.failed("a"));
    assertEquals(1, attempts.failed("b"));
    attempts.done("a");
    assertEquals(1, attempts.failed("a"));
  }

  private java.util.function.Consumer<List<Integer>> all(
      Set<Integer> bad, RuntimeException failure) {
    return some -> {
      calls++;
      if (some.stream().anyMatch(bad::contains)) {
        throw failure;
      }
      done.addAll(some);
    };
  }

  private java.util.function.Consumer<Integer> one(Set<Integer> bad, RuntimeException failure) {
    return item -> {
      if (bad.contains(item)) {
        throw failure;
      }
      done.add(item);
    };
  }

  private void failed(Integer item, RuntimeException failure) {
    failed.add(item);
  }

  private static RuntimeException refused(String state) {
    return new IllegalStateException(new SQLException("refused", state));
  }
}
