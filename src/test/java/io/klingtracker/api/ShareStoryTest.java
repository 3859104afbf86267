package io.klingtracker.api;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.watch.Waits;
import io.klingtracker.watch.WatchConfig;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** One key takes all that it can get; others are served, and so are those who submit with it. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ShareStoryTest {

  @Inject Waits waits;
  @Inject WatchConfig config;

  private final List<Waits.Wait> taken = new ArrayList<>();
  private TestTenant greedy;
  private TestTenant other;

  @BeforeEach
  void greedy_tenants_with_all_places_and_another() {
    TrackerStack.simulator().clearFaults();
    greedy = TestTenant.create();
    other = TestTenant.create();
    // Half for one, as other stories have waited just now, and the other half for its accomplice.
    takeAll(greedy.id());
    takeAll(greedy.id() + "-2");
    assertEquals(config.maxWatchers(), waits.open());
  }

  private void takeAll(String tenant) {
    try {
      while (true) {
        taken.add(waits.begin(tenant, () -> {}));
      }
    } catch (ProblemException e) {
      assertTrue(taken.size() >= config.maxWatchers() / 2, e.getMessage());
    }
  }

  @AfterEach
  void leave() {
    taken.forEach(Waits.Wait::close);
  }

  @Test
  void one_key_with_all_places_leaves_others_their_streams_and_waits() throws Exception {
    greedy
        .caller()
        .get("/v1/events?wait=5")
        .then()
        .statusCode(503)
        .header("Retry-After", "5")
        .contentType("application/problem+json")
        .body("detail", containsString("waits"));

    other.caller().get("/v1/events?wait=1").then().statusCode(200);
    HttpRequest stream =
        HttpRequest.newBuilder(
                URI.create(
                    "http://localhost:"
                        + ConfigProvider.getConfig().getValue("quarkus.http.test-port", int.class)
                        + "/v1/events/stream"))
            .header("Authorization", "Bearer " + other.apiKey())
            .build();
    HttpResponse<InputStream> opened =
        HttpClient.newHttpClient().send(stream, HttpResponse.BodyHandlers.ofInputStream());
    assertEquals(200, opened.statusCode());
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(opened.body(), StandardCharsets.UTF_8))) {
      assertTrue(String.valueOf(lines.readLine()).contains("connected"));
    }
  }

  @Test
  void a_create_that_prefers_to_wait_where_all_places_are_taken_is_answered_as_stored() {
    String external = "shot-" + UUID.randomUUID();
    String body = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"external_task_id\":\"%s\"}";

    greedy
        .caller()
        .header("Prefer", "wait=30")
        .body(body.formatted(external))
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(200)
        .header("Preference-Applied", nullValue())
        .body("data.task_status", equalTo("submitted"));

    greedy
        .caller()
        .get("/v1/tasks?external_task_id=" + external)
        .then()
        .statusCode(200)
        .body("tasks", hasSize(1));
  }

  @Test
  void a_create_on_the_newer_front_waits_too() {
    other
        .caller()
        .header("Prefer", "wait=30")
        .body("{\"prompt\":\"a cat\"}")
        .post("/kling/text-to-video/kling-3.0")
        .then()
        .statusCode(200)
        .header("Preference-Applied", "wait=30")
        .body("data.status", equalTo("succeeded"));
  }
}
