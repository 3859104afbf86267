package io.klingtracker.webhook;

import io.klingtracker.request.Parameters;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Everything that has failed since a time, again: counted first, delivered on confirmation. */
@Singleton
class Redelivery {

  /** Deliveries put back at once; an order for more is given again. */
  private static final int MAX_AT_ONCE = 5000;

  private final RedeliveryStore store;
  private final WebhookLifecycle lifecycle;
  private final Clock clock;

  /** How many there are, and how many are under way again. */
  public record Result(int count, int redelivered) {}

  @Inject
  Redelivery(RedeliveryStore store, WebhookLifecycle lifecycle, Clock clock) {
    this.store = store;
    this.lifecycle = lifecycle;
    this.clock = clock;
  }

  /**
   * Counts, and with {@code confirm} delivers again.
   *
   * @param tenant whose; null means everybody's
   */
  Result request(
      @Nullable String since,
      @Nullable String until,
      @Nullable String tenant,
      @Nullable String host,
      @Nullable Boolean confirm) {
    Instant from = Parameters.time("since", since);
    if (from == null) {
      throw Parameters.invalid(
          "since is required: an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
    RedeliveryStore.Failed failed =
        new RedeliveryStore.Failed(
            from,
            Objects.requireNonNullElseGet(Parameters.time("until", until), clock::instant),
            Parameters.text("tenant", tenant),
            Parameters.text("host", host, Parameters.MAX_HOST));
    int count = store.count(failed);
    if (!Boolean.TRUE.equals(confirm)) {
      return new Result(count, 0);
    }
    int redelivered = store.redeliver(failed, MAX_AT_ONCE);
    lifecycle.wake();
    return new Result(count, redelivered);
  }
}
