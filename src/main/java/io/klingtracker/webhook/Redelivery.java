package io.klingtracker.webhook;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import org.jspecify.annotations.Nullable;

/** Everything that has failed since a time, again: counted first, delivered on confirmation. */
@Singleton
class Redelivery {

  /** Deliveries put back at once; an order for more is given again. */
  private static final int MAX_AT_ONCE = 5000;

  private final DeliveryLog log;
  private final WebhookLifecycle lifecycle;
  private final Clock clock;

  /** How many there are, and how many are under way again. */
  public record Result(int count, int redelivered) {}

  @Inject
  Redelivery(DeliveryLog log, WebhookLifecycle lifecycle, Clock clock) {
    this.log = log;
    this.lifecycle = lifecycle;
    this.clock = clock;
  }

  /**
   * Counts, and with {@code confirm} delivers again.
   *
   * @param tenant whose; null means everybody's
   */
  Result order(
      @Nullable String since,
      @Nullable String until,
      @Nullable String tenant,
      @Nullable String host,
      @Nullable Boolean confirm) {
    if (since == null) {
      throw invalid("since is required: an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
    DeliveryLog.Failed failed =
        new DeliveryLog.Failed(
            time("since", since),
            until == null ? clock.instant() : time("until", until),
            tenant,
            host);
    int count = log.count(failed);
    if (!Boolean.TRUE.equals(confirm)) {
      return new Result(count, 0);
    }
    int redelivered = log.redeliver(failed, MAX_AT_ONCE);
    lifecycle.wake();
    return new Result(count, redelivered);
  }

  private static Instant time(String name, String value) {
    try {
      return Instant.parse(value);
    } catch (DateTimeParseException e) {
      throw invalid(name + " must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
