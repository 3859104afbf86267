package io.klingtracker.start;

import io.klingtracker.time.Rfc3339;
import io.smallrye.health.api.HealthContentFilter;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.json.Json;
import jakarta.json.JsonArrayBuilder;
import jakarta.json.JsonObject;
import jakarta.json.JsonObjectBuilder;
import java.time.Clock;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Says of each part at {@code /q/health/well} since when it has been as it is, as far as somebody
 * has looked, and, where it is down, what that means for users.
 */
@Singleton
class WellParts implements HealthContentFilter {

  /** What users notice while a part is down; a test finds one that is forgotten here. */
  static final Map<String, String> USERS =
      Map.of(
          "PostgreSQL",
          "submissions, callbacks and reads are answered 503; nothing that was answered 2xx is lost",
          "Kafka",
          "consumers get no events until it is back; feed, streams and webhooks continue",
          "event relay",
          "consumers of Kafka get no events; feed, streams and webhooks continue",
          "feed",
          "GET /v1/events and streams show nothing newer; Kafka, webhooks and GET of a task continue",
          "accounts",
          "tasks that need what Kling refuses wait in their queue; others are sent",
          "creates in doubt",
          "these tasks read as submitted, and are sent again only when Kling certainly has not got them",
          "loops",
          "what a failing loop does is late; nothing is lost",
          "replicas",
          "the others have taken this replica's work over; requests are answered as before",
          "catalog",
          "what the file changes does not hold yet: the catalogue of before is in use");

  private final Clock clock;
  private final Map<String, Seen> seen = new ConcurrentHashMap<>();

  private record Seen(String status, Instant since) {}

  @Inject
  WellParts(Clock clock) {
    this.clock = clock;
  }

  @Override
  public JsonObject filter(JsonObject payload) {
    if (!payload.containsKey("checks")) {
      return payload;
    }
    JsonArrayBuilder checks = Json.createArrayBuilder();
    payload
        .getJsonArray("checks")
        .getValuesAs(JsonObject.class)
        .forEach(c -> checks.add(explained(c)));
    return Json.createObjectBuilder(payload).add("checks", checks).build();
  }

  private JsonObject explained(JsonObject check) {
    String name = check.getString("name", "");
    String users = USERS.get(name);
    if (users == null) {
      return check;
    }
    String status = check.getString("status", "");
    Seen now =
        Objects.requireNonNull(
            seen.compute(
                name,
                (part, before) ->
                    before != null && before.status().equals(status)
                        ? before
                        : new Seen(status, clock.instant())));
    JsonObject data = check.getJsonObject("data");
    JsonObjectBuilder more =
        data == null ? Json.createObjectBuilder() : Json.createObjectBuilder(data);
    more.add("since", Rfc3339.format(now.since()));
    if (!status.equals("UP")) {
      more.add("users", users);
    }
    return Json.createObjectBuilder(check).add("data", more).build();
  }
}
