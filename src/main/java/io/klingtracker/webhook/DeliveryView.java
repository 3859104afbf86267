package io.klingtracker.webhook;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.klingtracker.time.Rfc3339;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A delivery as the API tells it; its id is the event's and the {@code webhook-id}.
 *
 * @param attemptLog every attempt, newest first; only where one delivery was asked for
 */
public record DeliveryView(
    String id,
    @JsonProperty("task_id") String taskId,
    int sequence,
    String status,
    String host,
    String state,
    int attempts,
    @Nullable String reason,
    @JsonProperty("planned_at") String plannedAt,
    @JsonProperty("next_attempt_at") @Nullable String nextAttemptAt,
    @JsonProperty("settled_at") @Nullable String settledAt,
    @JsonProperty("attempt_log") @JsonInclude(JsonInclude.Include.NON_NULL)
        @Nullable List<AttemptView> attemptLog) {

  /** One attempt. */
  public record AttemptView(
      String at,
      @Nullable Integer status,
      @Nullable String error,
      @Nullable String detail,
      @JsonProperty("latency_ms") int latencyMs,
      @Nullable String answer) {

    static AttemptView of(DeliveryQueries.Attempt attempt) {
      return new AttemptView(
          Rfc3339.format(attempt.at()),
          attempt.status(),
          attempt.error(),
          attempt.detail(),
          attempt.latencyMs(),
          attempt.answer());
    }
  }

  static DeliveryView of(DeliveryQueries.Entry entry, @Nullable List<DeliveryQueries.Attempt> log) {
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
        log == null ? null : log.stream().map(AttemptView::of).toList());
  }

  private static @Nullable String time(@Nullable Instant at) {
    return at == null ? null : Rfc3339.format(at);
  }
}
