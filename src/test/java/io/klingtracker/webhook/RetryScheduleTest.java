package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class RetryScheduleTest {

  private static final Instant NOW = Instant.parse("2026-03-01T10:00:00Z");
  private static final List<Duration> DELAYS =
      List.of(
          Duration.ofSeconds(5),
          Duration.ofSeconds(30),
          Duration.ofMinutes(2),
          Duration.ofMinutes(10),
          Duration.ofMinutes(30),
          Duration.ofHours(2),
          Duration.ofHours(5),
          Duration.ofHours(10),
          Duration.ofHours(12));
  private static final RetrySchedule SCHEDULE = new RetrySchedule(DELAYS, 0.2, Duration.ofHours(1));

  /** No jitter to see. */
  private static final RetrySchedule STEADY = new RetrySchedule(DELAYS, 0, Duration.ofHours(1));

  @ParameterizedTest
  @CsvSource({
    // status, retry-after, attempts so far -> verdict, seconds until the next try, host failed
    "200, , 1, delivered, 0, false",
    "201, , 1, delivered, 0, false",
    "204, , 10, delivered, 0, false",
    "299, 60, 1, delivered, 0, false",
    "301, , 1, retry, 5, false",
    "302, , 1, retry, 5, false",
    "304, , 1, retry, 5, false",
    "400, , 1, retry, 5, false",
    "401, , 2, retry, 30, false",
    "404, , 3, retry, 120, false",
    "410, , 1, failed, 0, false",
    "410, 60, 10, failed, 0, false",
    "429, , 1, retry, 5, true",
    "429, 7, 1, retry, 7, true",
    "429, 3, 1, retry, 5, true",
    "429, 86400, 1, retry, 3600, true",
    "429, 'Sun, 01 Mar 2026 10:01:40 GMT', 1, retry, 100, true",
    "429, 'Sun, 01 Mar 2026 09:00:00 GMT', 1, retry, 5, true",
    "429, soon, 1, retry, 5, true",
    "429, -5, 1, retry, 5, true",
    "500, , 4, retry, 600, true",
    "502, , 5, retry, 1800, true",
    "503, 120, 2, retry, 120, true",
    "503, 120, 6, retry, 7200, true",
    "504, , 7, retry, 18000, true",
    "500, , 8, retry, 36000, true",
    "500, , 9, retry, 43200, true",
    "500, , 10, failed, 0, true",
    "404, , 10, failed, 0, false",
    "503, 60, 10, failed, 0, true",
  })
  void an_answer_has_its_documented_outcome(
      int status,
      @Nullable String retryAfter,
      int attempts,
      String verdict,
      long seconds,
      boolean hostFailed) {
    expect(
        STEADY.judge(
            new AttemptResult.Answered(status, retryAfter, "", Duration.ZERO), attempts, NOW, 7),
        verdict,
        seconds,
        hostFailed);
  }

  @ParameterizedTest
  @EnumSource
  void silence_has_its_documented_outcome(Failure failure) {
    AttemptOutcome outcome =
        STEADY.judge(new AttemptResult.Unanswered(failure, "…", Duration.ZERO), 1, NOW, 7);
    switch (failure) {
      case URL_REFUSED -> expect(outcome, "failed", 0, false);
      case STATUS, INTERNAL -> expect(outcome, "retry", 5, false);
      default -> expect(outcome, "retry", 5, true);
    }
  }

  @Test
  void each_wait_differs_by_a_fifth_at_most_and_the_whole_is_never_below_28_hours() {
    AttemptResult result = new AttemptResult.Answered(500, null, "", Duration.ZERO);
    Duration shortest = Duration.ofDays(99);
    double least = 2;
    double most = 0;
    for (long seed = 0; seed < 20_000; seed++) {
      Instant at = NOW;
      for (int attempts = 1; attempts <= DELAYS.size(); attempts++) {
        AttemptOutcome.Retry retry =
            assertInstanceOf(
                AttemptOutcome.Retry.class, SCHEDULE.judge(result, attempts, at, seed));
        double ratio =
            Duration.between(at, retry.at()).toMillis()
                / (double) DELAYS.get(attempts - 1).toMillis();
        assertTrue(ratio >= 0.8 && ratio <= 1.2, "seed " + seed + ", ratio " + ratio);
        least = Math.min(least, ratio);
        most = Math.max(most, ratio);
        at = retry.at();
      }
      Duration whole = Duration.between(NOW, at);
      assertTrue(whole.compareTo(Duration.ofHours(28)) >= 0, "seed " + seed + ", " + whole);
      shortest = shortest.compareTo(whole) < 0 ? shortest : whole;
    }
    // The bound is met and the jitter is used to its ends.
    assertTrue(shortest.compareTo(Duration.ofHours(29)) < 0, shortest.toString());
    assertTrue(least < 0.81 && most > 1.19, least + " " + most);
  }

  @Test
  void a_senseless_schedule_is_refused_by_its_key() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new RetrySchedule(List.of(Duration.ofSeconds(-1)), 0.2, Duration.ZERO));
    assertThrows(
        IllegalArgumentException.class, () -> new RetrySchedule(DELAYS, 1.5, Duration.ZERO));
  }

  private static void expect(
      AttemptOutcome outcome, String word, long seconds, boolean hostFailed) {
    switch (word) {
      case "delivered" -> assertInstanceOf(AttemptOutcome.Delivered.class, outcome);
      case "retry" -> {
        AttemptOutcome.Retry retry = assertInstanceOf(AttemptOutcome.Retry.class, outcome);
        assertEquals(NOW.plusSeconds(seconds), retry.at());
        assertEquals(hostFailed, retry.hostFailed());
      }
      default -> {
        AttemptOutcome.Failed failed = assertInstanceOf(AttemptOutcome.Failed.class, outcome);
        assertEquals(hostFailed, failed.hostFailed());
      }
    }
  }
}
