package io.klingtracker.webhook;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.time.Rfc3339;
import java.time.Instant;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A delivery as the API shows it; its id is the event's and the {@code webhook-id}.
 *
 * @param attemptLog every attempt, newest first; only where one delivery was asked for
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record DeliveryView(
    String id,
    String taskId,
    int sequence,
    String status,
    String host,
    String state,
    int attempts,
    @Nullable String reason,
    String plannedAt,
    @Nullable String nextAttemptAt,
    @Nullable String settledAt,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<AttemptView> attemptLog) {

  /** One attempt. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record AttemptView(
      @Schema(implementation = String.class) Instant at,
      @Nullable Integer status,
      @Nullable String error,
      @Nullable String detail,
      int latencyMs,
      @Nullable String answer) {}

  static DeliveryView of(DeliveryQueries.Entry entry, @Nullable List<AttemptView> log) {
    return new DeliveryView(
        entry.id(),
        entry.taskId(),
        entry.sequence(),
        entry.status(),
        entry.host(),
        entry.state(),
        entry.attempts(),
        entry.reason(),
        Rfc3339.format(entry.plannedAt()),
        time(entry.dueAt()),
        time(entry.settledAt()),
        log);
  }

  private static @Nullable String time(@Nullable Instant at) {
    return at == null ? null : Rfc3339.format(at);
  }
}
