package io.klingtracker.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.klingtracker.problem.ProblemException;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParametersTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x",
        "1.5",
        "0",
        "201",
        "-1",
        "9999999999999999999",
        "1e1",
        "\u0665",
        " 5",
        "5 ",
        "+",
        "0x1"
      })
  void refuses_numbers_that_are_none_or_too_large(String value) {
    ProblemException refused =
        assertThrows(ProblemException.class, () -> Parameters.number("limit", value, 50, 1, 200));
    assertEquals("limit must be 1 to 200", refused.getMessage());
  }

  @Test
  void reads_numbers() {
    assertEquals(50, Parameters.number("limit", null, 50, 1, 200));
    assertEquals(200, Parameters.number("limit", "200", 50, 1, 200));
    assertEquals(
        Long.MAX_VALUE, Parameters.whole("before", null, Long.MAX_VALUE, 0, Long.MAX_VALUE));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "monday",
        "+999999999-01-01T00:00:00Z",
        "+999999999-12-31T23:59:59-18:00",
        "-0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-02-30",
        "2026-01-31T12:00:00",
        "99999-01-01"
      })
  void refuses_times_that_are_none_or_of_no_year_of_ours(String value) {
    assertThrows(ProblemException.class, () -> Parameters.time("from", value));
  }

  @ParameterizedTest
  @CsvSource({
    "2026-01-31, 2026-01-31T00:00:00Z",
    "2026-01-31T12:00:00.5+02:00, 2026-01-31T10:00:00.500Z",
    "0000-01-01T00:00:00Z, 0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z, 9999-12-31T23:59:59Z"
  })
  void reads_times_and_days(String value, Instant time) {
    assertEquals(time, Parameters.time("from", value));
    assertNull(Parameters.time("from", null));
  }

  @Test
  void refuses_texts_that_cannot_be_stored() {
    for (String text : new String[] {"\u0000", "a\uD83D", "\uDE00", "x".repeat(1025)}) {
      assertThrows(ProblemException.class, () -> Parameters.text("host", text));
    }
    assertEquals("\uD83D\uDE00", Parameters.text("host", "\uD83D\uDE00"));
  }

  @Test
  void refuses_words_and_flags_that_it_does_not_know() {
    assertThrows(ProblemException.class, () -> Parameters.flag("paused", "yes"));
    assertThrows(
        ProblemException.class,
        () -> Parameters.word("state", "lost", java.util.List.of("pending", "failed")));
  }

  /** As forms send what nobody filled in. */
  @Test
  void an_empty_parameter_is_none() {
    assertEquals(20, Parameters.number("limit", "", 20, 1, 200));
    assertNull(Parameters.time("from", ""));
    assertNull(Parameters.word("state", "", List.of("failed")));
    assertNull(Parameters.given(""));
    assertFalse(Parameters.flag("confirm", ""));
  }
}
