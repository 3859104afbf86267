package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.path.json.JsonPath;
import io.restassured.specification.RequestSpecification;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Another program talks to Kling, and we watch. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class TrackStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @BeforeEach
  void a_simulator_without_faults() {
    TrackerStack.simulator().clearFaults();
  }

  @Test
  void a_task_submitted_elsewhere_is_followed_by_its_callbacks() {
    String external = "elsewhere-" + UUID.randomUUID();
    JsonPath tracked =
        track("{\"kind\":\"text2video\",\"external_task_id\":\"%s\"}".formatted(external));

    createAtKling(external, tracked.getString("callback_url"));

    awaitSucceed(tracked.getString("task_id"));
    caller()
        .get("/v1/tasks/" + tracked.getString("task_id") + "/timeline")
        .then()
        .body("entries.source", hasItem("callback"))
        .body("entries.findAll{it.applied}.sequence", hasItem(1));
  }

  @Test
  void a_task_that_runs_already_is_adopted_by_asking() {
    String klingTaskId = createAtKling("adopted-" + UUID.randomUUID(), null);

    JsonPath tracked =
        track(
            "{\"kind\":\"text2video\",\"kling_task_id\":\"%s\",\"account\":\"default\"}"
                .formatted(klingTaskId));

    awaitSucceed(tracked.getString("task_id"));
    caller()
        .get("/v1/tasks/" + klingTaskId)
        .then()
        .body("task_id", equalTo(tracked.getString("task_id")))
        .body("status", equalTo("succeed"));
    caller()
        .body("{\"kind\":\"text2video\",\"kling_task_id\":\"%s\"}".formatted(klingTaskId))
        .post("/v1/tasks/track")
        .then()
        .statusCode(409);
  }

  @Test
  void a_task_of_which_nothing_is_known_is_adopted_by_its_callback() {
    JsonPath tracked = track("{\"kind\":\"text2video\"}");

    String klingTaskId =
        createAtKling("unknown-" + UUID.randomUUID(), tracked.getString("callback_url"));

    awaitSucceed(tracked.getString("task_id"));
    caller()
        .get("/v1/tasks/" + tracked.getString("task_id"))
        .then()
        .body("kling_task_id", equalTo(klingTaskId));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}|kind is missing",
        "{\"kind\":\"text2song\"}|none of Kling's",
        "{\"kind\":\"text2video\",\"account\":\"nobody\"}|account must be one of default",
        "{\"kind\":\"text2video\",\"kling_task_id\":\"a b\"}|kling_task_id must be",
      })
  void what_cannot_be_tracked_is_refused(String body, String why) {
    caller()
        .body(body)
        .post("/v1/tasks/track")
        .then()
        .statusCode(400)
        .body("detail", containsString(why));
  }

  private static JsonPath track(String body) {
    return caller()
        .body(body)
        .post("/v1/tasks/track")
        .then()
        .statusCode(200)
        .body("callback_url", containsString("/callbacks/kling/task_"))
        .extract()
        .jsonPath();
  }

  /** What the other program does. */
  private static String createAtKling(String external, String callbackUrl) {
    return given()
        .baseUri(TrackerStack.klingUrl())
        .header("Authorization", "Bearer " + TrackerStack.KLING_API_KEY)
        .contentType("application/json")
        .body(
            "{\"model_name\":\"kling-v2-6\",\"prompt\":\"p\",\"external_task_id\":\"%s\",\"callback_url\":\"%s\"}"
                .formatted(external, callbackUrl == null ? "" : callbackUrl))
        .post("/v1/videos/text2video")
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  private static void awaitSucceed(String taskId) {
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertEquals(
                    "succeed", caller().get("/v1/tasks/" + taskId).path("status"), taskId));
  }

  private static RequestSpecification caller() {
    return given()
        .header("Authorization", "Bearer test-api-key-0001")
        .contentType("application/json");
  }
}
