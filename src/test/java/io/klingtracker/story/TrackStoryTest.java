package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.path.json.JsonPath;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
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

  @Inject Jdbi jdbi;

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
        "{\"kind\":\"text2video\",\"external_task_id\":\".\"}|external_task_id must not",
        "{\"kind\":\"text2video\",\"external_task_id\":\"..\"}|external_task_id must not",
        "{\"kind\":\"text2video\",\"external_task_id\":\"...\"}|external_task_id must not",
        "{\"kind\":\"text2video\",\"external_task_id\":\"x/../y\"}|external_task_id must not",
        "{\"kind\":\"text2video\",\"external_task_id\":\"x\\\\y\"}|external_task_id must not",
        "{\"kind\":\"text2video\",\"external_task_id\":\"%2e%2e\"}|external_task_id must not",
        "{\"kind\":\"text2video\",\"external_task_id\":\"batch\"}|word of our own paths",
        "{\"kind\":\"text2video\",\"external_task_id\":\"counts\"}|word of our own paths",
      })
  void what_cannot_be_tracked_is_refused(String body, String why) {
    caller()
        .body(body)
        .post("/v1/tasks/track")
        .then()
        .statusCode(400)
        .body("detail", containsString(why));
  }

  @Test
  void a_task_that_is_another_tenants_is_answered_as_one_that_nobody_knows() {
    TestTenant owner = TestTenant.create();
    TestTenant stranger = TestTenant.create();
    String external = "owners-" + UUID.randomUUID();
    String submitted = owner.submit(external);
    await()
        .atMost(LIMIT)
        .until(() -> "succeed".equals(owner.caller().get("/v1/tasks/" + submitted).path("status")));
    String klingTaskId = owner.caller().get("/v1/tasks/" + submitted).path("kling_task_id");
    String trackedExternal = "program-" + UUID.randomUUID();
    JsonPath tracked =
        track(
            owner,
            "{\"kind\":\"text2video\",\"external_task_id\":\"%s\"}".formatted(trackedExternal));
    String trackedAtKling = createAtKling(trackedExternal, tracked.getString("callback_url"));
    await()
        .atMost(LIMIT)
        .until(
            () ->
                "succeed"
                    .equals(
                        owner
                            .caller()
                            .get("/v1/tasks/" + tracked.getString("task_id"))
                            .path("status")));

    List<String> taken =
        List.of(
            "\"kling_task_id\":\"" + klingTaskId + "\"",
            "\"external_task_id\":\"" + submitted + "\"",
            "\"kling_task_id\":\"" + trackedAtKling + "\"",
            "\"external_task_id\":\"" + trackedExternal + "\"");
    List<String> ours = new ArrayList<>();
    for (String id : taken) {
      ours.add(track(stranger, "{\"kind\":\"text2video\"," + id + "}").getString("task_id"));
    }
    // Nor by a callback of the stranger's own making, which has Kling asked at once.
    JsonPath blank = track(stranger, "{\"kind\":\"text2video\"}");
    given()
        .contentType("application/json")
        .body("{\"task_id\":\"%s\",\"task_status\":\"succeed\"}".formatted(klingTaskId))
        .post(blank.getString("callback_url"))
        .then()
        .statusCode(200);
    ours.add(blank.getString("task_id"));
    String unknown =
        track(
                stranger,
                "{\"kind\":\"text2video\",\"kling_task_id\":\"9%s\"}".formatted(klingTaskId))
            .getString("task_id");
    // All were asked about, and are to be asked about again.
    ours.forEach(this::awaitAsked);
    awaitAsked(unknown);

    for (String id : ours) {
      JsonPath task = stranger.caller().get("/v1/tasks/" + id).jsonPath();
      assertEquals("queued", task.getString("status"), id);
      assertEquals(1, task.getInt("sequence"), id);
      assertNull(task.get("result"), id);
      String timeline = stranger.caller().get("/v1/tasks/" + id + "/timeline").asString();
      assertFalse(timeline.contains("processing") || timeline.contains("other-task"), timeline);
      assertEquals(
          reason(stranger, unknown).replaceAll("\\d", "0"),
          reason(stranger, id).replaceAll("\\d", "0"));
    }
    assertEquals(
        "[{sequence=1, status=queued, source=submit}]",
        shown(stranger, unknown),
        "what is seen of an id that nobody knows");
    assertEquals(shown(stranger, unknown), shown(stranger, ours.get(0)));
    owner.caller().get("/v1/tasks/" + submitted).then().body("status", equalTo("succeed"));
  }

  @Test
  void who_names_an_id_first_takes_nothing_away_from_the_submission_that_gets_it() {
    TestTenant stranger = TestTenant.create();
    TestTenant owner = TestTenant.create();
    String first = owner.submit("first-" + UUID.randomUUID());
    await()
        .atMost(LIMIT)
        .until(() -> owner.caller().get("/v1/tasks/" + first).path("kling_task_id") != null);
    long known = Long.parseLong(owner.caller().get("/v1/tasks/" + first).path("kling_task_id"));
    for (long id = known + 1; id <= known + 5; id++) {
      track(stranger, "{\"kind\":\"text2video\",\"kling_task_id\":\"%d\"}".formatted(id));
    }
    String next = owner.submit("next-" + UUID.randomUUID());
    await()
        .atMost(LIMIT)
        .until(() -> "succeed".equals(owner.caller().get("/v1/tasks/" + next).path("status")));
  }

  @Test
  void only_granted_accounts_are_tracked_on() {
    TestTenant ungranted = TestTenant.create("{\"name\":\"story\"}", "{\"name\":\"story\"}");
    String path = "/admin/v1/tenants/" + ungranted.id();
    TestTenant.admin().get(path).then().body("track_accounts", hasSize(0));
    ungranted
        .caller()
        .body("{\"kind\":\"text2video\"}")
        .post("/v1/tasks/track")
        .then()
        .statusCode(403)
        .body("detail", containsString("track_accounts"));
    TestTenant.admin()
        .body("{\"track_accounts\":[\"nobody\"]}")
        .patch(path)
        .then()
        .statusCode(400)
        .body("detail", containsString("track_accounts"));

    TestTenant.admin()
        .body("{\"track_accounts\":[\"default\"]}")
        .patch(path)
        .then()
        .statusCode(200)
        .body("name", equalTo("story"))
        .body("track_accounts", hasItem("default"));
    track(ungranted, "{\"kind\":\"text2video\"}");

    TestTenant.admin()
        .body("{\"track_accounts\":null}")
        .put(path)
        .then()
        .statusCode(200)
        .body("track_accounts", hasSize(0));
  }

  private static String reason(TestTenant tenant, String id) {
    return tenant.caller().get("/v1/tasks/" + id + "/explain").path("reason");
  }

  private static String shown(TestTenant tenant, String id) {
    return tenant
        .caller()
        .get("/v1/tasks/" + id + "/timeline")
        .<List<Map<String, Object>>>path("entries")
        .stream()
        .map(
            entry ->
                "{sequence=%s, status=%s, source=%s}"
                    .formatted(entry.get("sequence"), entry.get("status"), entry.get("source")))
        .toList()
        .toString();
  }

  private void awaitAsked(String id) {
    await()
        .atMost(LIMIT)
        .until(
            () ->
                jdbi.withHandle(
                    h ->
                        h.createQuery(
                                "select checks > 0 and claimed_until is null and next_check_at > now() from open_task where task_id = :id")
                            .bind("id", id)
                            .mapTo(Boolean.class)
                            .findOne()
                            .orElse(false)));
  }

  private static JsonPath track(String body) {
    return track(caller(), body);
  }

  private static JsonPath track(TestTenant tenant, String body) {
    return track(tenant.caller(), body);
  }

  private static JsonPath track(RequestSpecification caller, String body) {
    return caller
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
