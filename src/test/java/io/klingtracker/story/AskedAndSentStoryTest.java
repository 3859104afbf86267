package io.klingtracker.story;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What was asked for, what went to Kling, and what Kling called us with. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class AskedAndSentStoryTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String CREATE = "/kling/v1/videos/text2video";

  @Inject KlingAccounts accounts;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
  }

  @AfterEach
  void the_account_as_it_was() {
    TrackerStack.simulator().clearFaults();
    accounts.resume("default");
  }

  private String submit(String path, String body) {
    return tenant
        .caller()
        .body(body)
        .post(path)
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  private void awaitStatus(String task, String status) {
    await()
        .atMost(LIMIT)
        .until(() -> tenant.caller().get("/v1/tasks/" + task).path("status"), status::equals);
  }

  @Test
  void the_callers_body_stands_beside_what_went_to_kling() throws Exception {
    String external = "order-" + UUID.randomUUID();
    String body =
        "{ \"prompt\":\"a cat\", \"model_name\":\"kling-v3\", \"cfg_scale\":0.50,\"external_task_id\":\"%s\"}"
            .formatted(external);
    String task = submit(CREATE, body);
    awaitStatus(task, "succeed");

    String answer = tenant.caller().get("/v1/tasks/" + external + "/request").asString();

    assertTrue(answer.contains("\"asked\":" + body), answer);
    JsonNode sent = JSON.readTree(answer).get("sent");
    assertEquals(task, sent.get("external_task_id").asText());
    String callback = sent.get("callback_url").asText();
    assertTrue(callback.endsWith("/callbacks/kling/" + task + "/…"), callback);
    assertEquals("a cat", sent.get("prompt").asText());
    assertTrue(answer.contains("0.50"), answer);
    assertEquals(1, TrackerStack.simulator().creates(task).size());
  }

  @Test
  void a_refused_task_shows_what_kling_refused() {
    TrackerStack.simulator()
        .fault(
            FaultRule.on(Operation.CREATE, new Fault.Refuse(400, 1201, "no such ratio")).times(1));
    String task = submit(CREATE, "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}");
    awaitStatus(task, "failed");

    tenant
        .caller()
        .get("/v1/tasks/" + task + "/request")
        .then()
        .statusCode(200)
        .body("sent.prompt", equalTo("a cat"))
        .body("sent.external_task_id", equalTo(task));
  }

  @Test
  void what_was_never_sent_has_nothing_sent() {
    accounts.pause("default");
    String task = submit(CREATE, "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}");
    tenant
        .caller()
        .get("/v1/tasks/" + task + "/request")
        .then()
        .body("asked.prompt", equalTo("a cat"))
        .body("sent", nullValue());

    tenant.caller().post("/v1/tasks/" + task + "/cancel").then().statusCode(200);
    String late =
        tenant
            .caller()
            .header("Tracker-Deadline", "1")
            .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
            .post(CREATE)
            .path("data.task_id");
    awaitStatus(late, "failed");

    for (String unsent : List.of(task, late)) {
      tenant
          .caller()
          .get("/v1/tasks/" + unsent + "/request")
          .then()
          .body("asked.prompt", equalTo("a cat"))
          .body("sent", nullValue());
      tenant
          .caller()
          .get("/v1/tasks/" + unsent + "/callbacks")
          .then()
          .statusCode(200)
          .body("callbacks", empty())
          .body("left_out", equalTo(0));
    }
  }

  @Test
  void another_programs_request_is_not_known() {
    String task =
        tenant
            .caller()
            .body(
                "{\"kind\":\"text2video\",\"external_task_id\":\"x-%s\"}"
                    .formatted(UUID.randomUUID()))
            .post("/v1/tasks/track")
            .path("task_id");

    tenant
        .caller()
        .get("/v1/tasks/" + task + "/request")
        .then()
        .statusCode(200)
        .body("asked", nullValue())
        .body("sent", nullValue());
  }

  @Test
  void pictures_are_cut_and_the_rest_is_whole() {
    accounts.pause("default");
    String picture = "iVBORw0KGgo" + "A".repeat(200_000);
    String task =
        submit(
            "/kling/v1/videos/image2video",
            "{\"model_name\":\"kling-v3\",\"image\":\"%s\",\"prompt\":\"a cat\"}"
                .formatted(picture));

    tenant
        .caller()
        .get("/v1/tasks/" + task + "/request")
        .then()
        .statusCode(200)
        .body("asked.prompt", equalTo("a cat"))
        .body("asked.image", containsString("characters left out"));
    tenant.caller().post("/v1/tasks/" + task + "/cancel").then().statusCode(200);
  }

  @Test
  void callbacks_are_shown_as_they_came_with_their_verdict() {
    String task = submit(CREATE, "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}");
    awaitStatus(task, "succeed");
    // The last of them may still be on its way.
    await()
        .atMost(LIMIT)
        .until(
            () ->
                tenant
                    .caller()
                    .get("/v1/tasks/" + task + "/callbacks")
                    .<List<String>>path("callbacks.verdict"),
            verdicts -> verdicts.size() >= 2 && !verdicts.contains("pending"));

    String answer =
        tenant
            .caller()
            .get("/v1/tasks/" + task + "/callbacks")
            .then()
            .statusCode(200)
            .body("left_out", equalTo(0))
            .body("callbacks[0].at", notNullValue())
            .body("callbacks[0].headers.content-type", containsString("json"))
            .body("callbacks.findAll { it.verdict == 'applied' }.applied", not(empty()))
            .body("callbacks.findAll { it.verdict != 'applied' }.findAll { it.applied }", empty())
            .body("callbacks[0].body", containsString("task_status"))
            .extract()
            .asString();
    assertFalse(answer.contains("\"pending\""), answer);
  }
}
