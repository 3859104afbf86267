package io.klingtracker.webhook;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How an attempt ended, as the queue and the attempt log take it.
 *
 * @param outcome {@code delivered}, {@code retry} or {@code failed}
 * @param gone whether the receiver asked for no more news of this task
 * @param trouble whether the failure speaks of the host rather than of this one request
 * @param holdUntil until when the receiver asked to be left alone, if it did
 */
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
    boolean trouble,
    @Nullable Instant holdUntil,
    Instant at,
    @Nullable Integer status,
    @Nullable String failure,
    @Nullable String detail,
    long latencyMs,
    @Nullable String answer) {

  /** What the verdict on an answer means for the delivery. */
  static Settlement of(Delivery delivery, Answer answer, Verdict verdict, Instant at) {
    String outcome = "delivered";
    Instant dueAt = null;
    String reason = null;
    boolean gone = false;
    boolean trouble = false;
    Instant holdUntil = null;
    if (verdict instanceof Verdict.Retry retry) {
      outcome = "retry";
      dueAt = retry.at();
      reason = retry.reason();
      trouble = retry.hostTrouble();
      holdUntil = retry.holdHost() ? retry.at() : null;
    } else if (verdict instanceof Verdict.Failed failed) {
      outcome = "failed";
      reason = failed.reason();
      trouble = failed.hostTrouble();
      gone = failed.gone();
    }
    Answer.Answered answered = answer instanceof Answer.Answered a ? a : null;
    Answer.Unanswered unanswered = answer instanceof Answer.Unanswered u ? u : null;
    boolean wrongStatus = answered != null && !(verdict instanceof Verdict.Delivered);
    return new Settlement(
        delivery.taskId(),
        delivery.sequence(),
        delivery.eventId(),
        delivery.tenant(),
        delivery.host(),
        delivery.claim(),
        outcome,
        dueAt,
        reason,
        gone,
        trouble,
        holdUntil,
        at,
        answered == null ? null : answered.status(),
        unanswered != null
            ? unanswered.failure().word()
            : wrongStatus ? Failure.STATUS.word() : null,
        unanswered == null ? null : unanswered.detail(),
        answer.latency().toMillis(),
        answered == null ? null : answered.excerpt());
  }
}
