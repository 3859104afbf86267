package io.klingtracker.webhook;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.klingtracker.time.Rfc3339;

/**
 * A host was paused or flows again; the same on Kafka and by the API.
 *
 * @param state {@code paused} or {@code resumed}
 */
public record HostEventView(
    @JsonProperty("event_id") String eventId,
    String tenant,
    String host,
    String state,
    String reason,
    @JsonProperty("occurred_at") String occurredAt) {

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
