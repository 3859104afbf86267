package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.time.Rfc3339;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A host whose deliveries fail.
 *
 * @param failures in a row that speak of the host
 * @param nextAttemptAt nothing is sent before
 * @param pausedAt set after days of failure; a success clears it
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record HostView(
    String tenant,
    String host,
    int failures,
    String failingSince,
    String lastFailedAt,
    String lastReason,
    @Nullable String nextAttemptAt,
    @Nullable String pausedAt) {

  static HostView of(DeliveryQueries.Host host) {
    return new HostView(
        host.tenant(),
        host.host(),
        host.consecutiveFailures(),
        Rfc3339.format(host.failingSince()),
        Rfc3339.format(host.lastFailedAt()),
        host.lastReason(),
        time(host.openUntil()),
        time(host.pausedAt()));
  }

  private static @Nullable String time(@Nullable Instant at) {
    return at == null ? null : Rfc3339.format(at);
  }
}
