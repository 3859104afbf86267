package io.klingtracker.consumer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** Acts once on every status change. A real one keeps {@code lastSeen} with its own data. */
@Singleton
public class StatusConsumer {

  private final ObjectMapper json = new ObjectMapper();
  final Map<String, JsonNode> lastSeen = new ConcurrentHashMap<>();
  final AtomicInteger repeats = new AtomicInteger();
  final AtomicInteger gaps = new AtomicInteger();

  @Incoming("kling-events")
  public void on(String value) throws Exception {
    JsonNode event = json.readTree(value);
    JsonNode before = lastSeen.get(event.get("task_id").asText());
    int known = before == null ? 0 : before.get("sequence").asInt();
    if (event.get("sequence").asInt() <= known) {
      repeats.incrementAndGet(); // at least once: this event_id was here before
      return;
    }
    if (event.get("sequence").asInt() > known + 1) {
      gaps.incrementAndGet(); // begun in the middle, or an alarm: GET /v1/events has the rest
    }
    lastSeen.put(event.get("task_id").asText(), event);
  }
}
