package io.klingtracker.events;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** An event that Kafka has not acknowledged. */
record OutboxMessage(
    int lane,
    long id,
    String taskId,
    int sequence,
    UUID eventId,
    Instant occurredAt,
    @Nullable String traceparent,
    String payload) {}
