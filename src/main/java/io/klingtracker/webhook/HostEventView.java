package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.time.Rfc3339;

/**
 * A host was paused or flows again; the same on Kafka and by the API.
 *
 * @param state {@code paused} or {@code resumed}
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record HostEventView(
    String eventId, String tenant, String host, String state, String reason, String occurredAt) {

  static HostEventView of(HostEventStore.HostEvent event) {
    return new HostEventView(
        event.eventId(),
        event.tenant(),
        event.host(),
        event.state(),
        event.reason(),
        Rfc3339.format(event.at()));
  }
}
