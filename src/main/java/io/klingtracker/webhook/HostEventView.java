package io.klingtracker.webhook;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A host was paused or flows again; the same on Kafka and by the API.
 *
 * @param id its place in the list of all, which the API shows as a cursor only
 * @param state {@code paused} or {@code resumed}
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record HostEventView(
    @JsonIgnore @Schema(hidden = true) long id,
    String eventId,
    String tenant,
    String host,
    String state,
    String reason,
    @Schema(implementation = String.class) Instant occurredAt) {}
