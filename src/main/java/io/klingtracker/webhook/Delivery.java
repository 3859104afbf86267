package io.klingtracker.webhook;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One change that a receiver is to be notified of, as claimed.
 *
 * @param attempts made before this one
 * @param dueAt since when it may be sent
 * @param claim proves to the queue that it is still ours
 * @param payload the event as on every channel
 */
record Delivery(
    String taskId,
    int sequence,
    String eventId,
    String tenant,
    String host,
    String url,
    int attempts,
    Instant dueAt,
    String claim,
    Instant taskCreatedAt,
    String payload,
    @Nullable String traceparent) {}
