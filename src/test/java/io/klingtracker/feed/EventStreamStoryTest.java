package io.klingtracker.feed;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.microprofile.config.ConfigProvider;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Streams can be cut anywhere and taken up again; the feed tells the same story. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class EventStreamStoryTest {

  private static final String KEY = "Bearer test-api-key-0001";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newHttpClient();

  /** One event of a stream: its id and its data. */
  private record Sent(String id, JsonNode data) {}

  @Test
  void a_tasks_stream_tells_everything_and_ends_with_the_task() throws Exception {
    String task = submit();

    List<Sent> events = new ArrayList<>();
    try (BufferedReader lines = open("/v1/tasks/" + task + "/events", null)) {
      read(lines, events, Integer.MAX_VALUE);
    }

    assertEquals("queued", events.get(0).data().get("status").asText());
    assertEquals("succeed", events.get(events.size() - 1).data().get("status").asText());
    for (int i = 0; i < events.size(); i++) {
      assertEquals(i + 1, events.get(i).data().get("sequence").asInt());
      assertEquals(events.get(i).id(), events.get(i).data().get("event_id").asText());
    }

    // Taken up after the second event it continues with the third, and after the last there is no
    // more.
    List<Sent> rest = new ArrayList<>();
    try (BufferedReader lines = open("/v1/tasks/" + task + "/events", events.get(1).id())) {
      read(lines, rest, Integer.MAX_VALUE);
    }
    assertEquals(events.subList(2, events.size()), rest);
    given()
        .header("Authorization", KEY)
        .header("Last-Event-ID", events.get(events.size() - 1).id())
        .get("/v1/tasks/" + task + "/events")
        .then()
        .statusCode(204);
  }

  @Test
  void a_tenants_stream_cut_at_every_event_misses_and_repeats_nothing() throws Exception {
    List<Sent> first = new ArrayList<>();
    String task;
    try (BufferedReader lines = open("/v1/events/stream", null)) {
      task = submit();
      read(lines, first, 1);
    }
    // From here on a new connection for each event.
    List<Sent> seen = new ArrayList<>(first);
    while (!ended(seen, task)) {
      try (BufferedReader lines = open("/v1/events/stream", seen.get(seen.size() - 1).id())) {
        read(lines, seen, seen.size() + 1);
      }
    }

    List<Integer> sequences =
        seen.stream()
            .filter(event -> event.data().get("task_id").asText().equals(task))
            .map(event -> event.data().get("sequence").asInt())
            .toList();
    for (int i = 0; i < sequences.size(); i++) {
      assertEquals(i + 1, sequences.get(i));
    }
    assertEquals(seen.size(), seen.stream().map(Sent::id).distinct().count());
  }

  @Test
  void the_feed_gives_the_same_events_from_the_beginning_and_waits_for_the_next() throws Exception {
    String task = submit();
    String cursor = null;
    List<JsonNode> ofTask = new CopyOnWriteArrayList<>();
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (ofTask.stream().noneMatch(event -> event.get("status").asText().equals("succeed"))) {
      assertTrue(System.nanoTime() < deadline, "the task ends in time");
      JsonNode page =
          JSON.readTree(
              given()
                  .header("Authorization", KEY)
                  .get("/v1/events?limit=7&wait=5" + (cursor == null ? "" : "&after=" + cursor))
                  .then()
                  .statusCode(200)
                  .extract()
                  .asString());
      cursor = page.get("next_cursor").asText();
      page.get("events")
          .forEach(
              event -> {
                if (event.get("task_id").asText().equals(task)) {
                  ofTask.add(event);
                }
              });
    }
    for (int i = 0; i < ofTask.size(); i++) {
      assertEquals(i + 1, ofTask.get(i).get("sequence").asInt());
    }
  }

  @Test
  void nonsense_is_refused_in_words() {
    given()
        .header("Authorization", KEY)
        .get("/v1/events?after=x")
        .then()
        .statusCode(400)
        .contentType("application/problem+json");
    given()
        .header("Authorization", KEY)
        .header("Last-Event-ID", "0190f0a0-0000-7000-8000-000000000000")
        .get("/v1/events/stream")
        .then()
        .statusCode(400);
    given().header("Authorization", KEY).get("/v1/tasks/nope/events").then().statusCode(404);
    given().get("/v1/events/stream").then().statusCode(401);
    given()
        .header("Authorization", KEY)
        .get("/v1/events?limit=1")
        .then()
        .statusCode(200)
        .body(
            "next_cursor",
            equalTo(
                given()
                    .header("Authorization", KEY)
                    .get("/v1/events?limit=1")
                    .path("next_cursor")));
  }

  private static boolean ended(List<Sent> seen, String task) {
    return seen.stream()
        .anyMatch(
            event ->
                event.data().get("task_id").asText().equals(task)
                    && event.data().get("status").asText().equals("succeed"));
  }

  private static String submit() {
    return given()
        .header("Authorization", KEY)
        .contentType("application/json")
        .body("{\"model_name\":\"kling-v2-5-turbo\",\"prompt\":\"a cat\"}")
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  private BufferedReader open(String path, @Nullable String lastEventId)
      throws IOException, InterruptedException {
    int port = ConfigProvider.getConfig().getValue("quarkus.http.test-port", Integer.class);
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://localhost:" + port + path))
            .header("Authorization", KEY)
            .timeout(LIMIT);
    if (lastEventId != null) {
      request.header("Last-Event-ID", lastEventId);
    }
    HttpResponse<InputStream> response =
        http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    assertEquals(200, response.statusCode());
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
    await().atMost(LIMIT).until(lines::ready);
    return lines;
  }

  /** Reads events until there are so many, or until the stream ends. */
  private static void read(BufferedReader lines, List<Sent> events, int until) throws IOException {
    String id = "";
    String line;
    while (events.size() < until && (line = lines.readLine()) != null) {
      if (line.startsWith("id:")) {
        id = line.substring(3).strip();
      } else if (line.startsWith("data:")) {
        events.add(new Sent(id, Schemas.event(line.substring(5))));
      }
    }
  }
}
