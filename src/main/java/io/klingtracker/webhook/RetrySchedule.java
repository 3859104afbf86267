package io.klingtracker.webhook;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.retry.Backoff;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * When to try again, and when to stop: a pure function of the answer and the number of attempts.
 *
 * @param delays after each failed attempt; the first attempt is made at once
 * @param jitter share of a delay, 0 to 1, by which it may be shorter or longer
 * @param retryAfterCap the longest {@code Retry-After} honoured
 */
record RetrySchedule(List<Duration> delays, double jitter, Duration retryAfterCap) {

  /** Share of the configured whole that is never fallen short of. */
  private static final double SHORTEST_WHOLE = 0.95;

  private static final int GONE = 410;
  private static final int TOO_MANY_REQUESTS = 429;

  RetrySchedule {
    delays = List.copyOf(delays);
    if (delays.stream().anyMatch(Duration::isNegative)) {
      throw new IllegalArgumentException("tracker.webhook.retries: no delay may be negative");
    }
    if (jitter < 0 || jitter > 1) {
      throw new IllegalArgumentException("jitter must be 0 to 1, got " + jitter);
    }
  }

  /**
   * Judges an attempt.
   *
   * @param attempts made so far, this one included
   * @param seed the delivery's own: it always has the same waits
   */
  AttemptOutcome judge(AttemptResult result, int attempts, Instant now, long seed) {
    if (result instanceof AttemptResult.Answered answered) {
      if (answered.status() / 100 == 2) {
        return new AttemptOutcome.Delivered();
      }
      String reason = "status " + answered.status();
      if (answered.status() == GONE) {
        return new AttemptOutcome.Failed("the receiver wants no more (status 410)", false, true);
      }
      boolean hostFailed = answered.status() >= 500 || answered.status() == TOO_MANY_REQUESTS;
      return again(reason, hostFailed, retryAfter(answered.retryAfter(), now), attempts, now, seed);
    }
    AttemptResult.Unanswered unanswered = (AttemptResult.Unanswered) result;
    String reason = unanswered.failure().wireName() + ": " + unanswered.detail();
    return switch (unanswered.failure()) {
      case URL_REFUSED -> new AttemptOutcome.Failed(reason, false, false);
      case STATUS, INTERNAL -> again(reason, false, Duration.ZERO, attempts, now, seed);
      case ADDRESS_REFUSED, DNS, CONNECT, TLS, TIMEOUT, RESET, PROTOCOL ->
          again(reason, true, Duration.ZERO, attempts, now, seed);
    };
  }

  private AttemptOutcome again(
      String reason,
      boolean hostFailed,
      Duration retryAfter,
      int attempts,
      Instant now,
      long seed) {
    if (attempts > delays.size()) {
      return new AttemptOutcome.Failed(
          reason + "; gave up after " + attempts + " attempts", hostFailed, false);
    }
    Duration delay = waits(seed).get(attempts - 1);
    return new AttemptOutcome.Retry(
        now.plus(delay.compareTo(retryAfter) < 0 ? retryAfter : delay),
        reason,
        hostFailed,
        hostFailed && delay.compareTo(retryAfter) < 0);
  }

  /**
   * A delivery's waits: each as configured but for the jitter, and all together hardly shorter than
   * configured, since the later make up for what the earlier fell short of.
   */
  List<Duration> waits(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double missing = delays.stream().mapToLong(Duration::toMillis).sum() * SHORTEST_WHOLE;
    double mostLater = delays.stream().mapToLong(Duration::toMillis).sum() * (1 + jitter);
    List<Duration> waits = new ArrayList<>();
    for (Duration delay : delays) {
      double millis = delay.toMillis();
      mostLater -= millis * (1 + jitter);
      double drawn = millis * Backoff.spread(jitter, random);
      long wait = Math.round(Math.min(millis * (1 + jitter), Math.max(drawn, missing - mostLater)));
      missing -= wait;
      waits.add(Duration.ofMillis(wait));
    }
    return waits;
  }

  /** Seconds or a date; anything else, and anything in the past, is no wish at all. */
  private Duration retryAfter(@Nullable String header, Instant now) {
    if (header == null) {
      return Duration.ZERO;
    }
    Duration wish;
    String text = header.strip();
    if (text.matches("[0-9]{1,9}")) {
      wish = Duration.ofSeconds(Long.parseLong(text));
    } else {
      try {
        Instant at = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
        wish = Duration.between(now, at);
      } catch (DateTimeException e) {
        return Duration.ZERO;
      }
    }
    if (wish.isNegative()) {
      return Duration.ZERO;
    }
    return wish.compareTo(retryAfterCap) > 0 ? retryAfterCap : wish;
  }
}
