package io.klingtracker.egress;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What became of one attempt. */
public sealed interface AttemptResult {

  /** How long it took. */
  Duration latency();

  /**
   * The receiver answered.
   *
   * @param retryAfter the header as sent, or null
   * @param excerpt the first bytes of the answer, for people
   */
  record Answered(int status, @Nullable String retryAfter, String excerpt, Duration latency)
      implements AttemptResult {}

  /**
   * There was no answer.
   *
   * @param detail for people; names no class and no secret
   */
  record Unanswered(Failure failure, String detail, Duration latency) implements AttemptResult {}
}
