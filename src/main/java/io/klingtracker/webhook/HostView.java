package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
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
    @Schema(implementation = String.class) Instant failingSince,
    @Schema(implementation = String.class) Instant lastFailedAt,
    String lastReason,
    @Schema(implementation = String.class) @Nullable Instant nextAttemptAt,
    @Schema(implementation = String.class) @Nullable Instant pausedAt) {}
