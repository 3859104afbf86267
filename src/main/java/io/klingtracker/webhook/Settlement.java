package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How an attempt ended, as the queue and the attempt log take it.
 *
 * @param outcome {@code delivered}, {@code retry} or {@code failed}
 * @param gone whether the receiver asked for no more news of this task
 * @param hostFailed whether the failure speaks of the host rather than of this one request
 * @param holdUntil until when the receiver asked to be left alone, if it did
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record Settlement(
    String taskId,
    int sequence,
    String eventId,
    String tenant,
    String host,
    String claim,
    String outcome,
    @Nullable Instant dueAt,
    @Nullable String reason,
    boolean gone,
    boolean hostFailed,
    @Nullable Instant holdUntil,
    Instant at,
    @Nullable Integer status,
    @Nullable String failure,
    @Nullable String detail,
    long latencyMs,
    @Nullable String answer) {

  /** What the outcome of an attempt means for the delivery. */
  static Settlement of(
      Delivery delivery, AttemptResult result, AttemptOutcome outcome, Instant at) {
    String word = "delivered";
    Instant dueAt = null;
    String reason = null;
    boolean gone = false;
    boolean hostFailed = false;
    Instant holdUntil = null;
    if (outcome instanceof AttemptOutcome.Retry retry) {
      word = "retry";
      dueAt = retry.at();
      reason = retry.reason();
      hostFailed = retry.hostFailed();
      holdUntil = retry.holdHost() ? retry.at() : null;
    } else if (outcome instanceof AttemptOutcome.Failed failed) {
      word = "failed";
      reason = failed.reason();
      hostFailed = failed.hostFailed();
      gone = failed.gone();
    }
    AttemptResult.Answered answered = result instanceof AttemptResult.Answered a ? a : null;
    AttemptResult.Unanswered unanswered = result instanceof AttemptResult.Unanswered u ? u : null;
    boolean wrongStatus = answered != null && !(outcome instanceof AttemptOutcome.Delivered);
    return new Settlement(
        delivery.taskId(),
        delivery.sequence(),
        delivery.eventId(),
        delivery.tenant(),
        delivery.host(),
        delivery.claim(),
        word,
        dueAt,
        reason,
        gone,
        hostFailed,
        holdUntil,
        at,
        answered == null ? null : answered.status(),
        unanswered != null
            ? unanswered.failure().wireName()
            : wrongStatus ? Failure.STATUS.wireName() : null,
        unanswered == null ? null : unanswered.detail(),
        result.latency().toMillis(),
        answered == null ? null : answered.excerpt());
  }
}
