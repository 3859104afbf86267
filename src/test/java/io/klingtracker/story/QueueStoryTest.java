package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a caller sees of the queue: why a task waits, where it is, and taking it back. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class QueueStoryTest {

  private static final String CREATE = "/kling/v1/videos/text2video";

  @Inject KlingAccounts accounts;

  @BeforeEach
  void a_simulator_without_faults() {
    TrackerStack.simulator().clearFaults();
  }

  @AfterEach
  void the_account_as_it_was() {
    TrackerStack.simulator().clearFaults();
    accounts.resume("default");
  }

  @Test
  void a_waiting_task_says_why_and_can_be_taken_back_once() {
    accounts.pause("default");
    String task = submit();

    // What is said of accounts is up to two seconds old.
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> caller().get("/v1/tasks/" + task + "/explain").<String>path("reason"),
            containsString("paused"));
    caller()
        .get("/v1/tasks/" + task + "/explain")
        .then()
        .statusCode(200)
        .body("task_id", equalTo(task))
        .body("status", equalTo("queued"))
        .body("reason", containsString("paused"))
        .body("next", notNullValue())
        .body("queue_position", greaterThanOrEqualTo(1));
    caller()
        .get("/v1/tasks/" + task)
        .then()
        .body("queue_position", greaterThanOrEqualTo(1))
        .body("estimated_dispatch_at", nullValue());

    caller()
        .post("/v1/tasks/" + task + "/cancel")
        .then()
        .statusCode(200)
        .body("status", equalTo("canceled"));
    caller().post("/v1/tasks/" + task + "/cancel").then().statusCode(409);
    accounts.resume("default");
    assertEquals(0, TrackerStack.simulator().creates(task).size());
  }

  @Test
  void a_task_that_kling_has_cannot_be_taken_back() {
    String task = submit();
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> caller().get("/v1/tasks/" + task).path("status"), s -> !s.equals("queued"));

    caller().post("/v1/tasks/" + task + "/cancel").then().statusCode(409);
    caller()
        .get("/v1/tasks/" + task + "/explain")
        .then()
        .statusCode(200)
        .body("queue_position", nullValue());
  }

  @Test
  void a_create_in_doubt_is_told_as_such_and_paid_once() {
    TrackerStack.simulator().fault(FaultRule.on(Operation.CREATE, new Fault.ThenReset()).times(1));
    TrackerStack.simulator().fault(FaultRule.on(Operation.CALLBACK, new Fault.Drop()));

    String task = submit();

    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> caller().get("/v1/tasks/" + task).path("status"), "succeed"::equals);
    assertEquals(1, TrackerStack.simulator().creates(task).size());
    // The create, its answer lost, and that Kling was asked.
    caller()
        .get("/v1/tasks/" + task + "/timeline")
        .then()
        .body("entries.find{it.reason == 'in-doubt'}.source", equalTo("dispatch"))
        .body("entries.find{it.reason == 'in-doubt'}.detail", containsString("not known yet"))
        .body("entries.find{it.status == 'succeed'}.source", equalTo("poll"));
  }

  @Test
  void what_a_gateway_turns_away_is_told_and_accepted_when_it_lets_it_through() {
    TrackerStack.simulator().fault(FaultRule.on(Operation.CREATE, new Fault.Page(403)).times(2));

    String task = submit();

    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> caller().get("/v1/tasks/" + task).path("status"), "succeed"::equals);
    assertEquals(1, TrackerStack.simulator().creates(task).size());
    caller()
        .get("/v1/tasks/" + task + "/timeline")
        .then()
        .body("entries.findAll{it.reason == 'turned-away'}", hasSize(1))
        .body("entries.find{it.reason == 'turned-away'}.detail", containsString("HTTP 403"));
  }

  @Test
  void a_deadline_that_passes_sends_nothing() {
    accounts.pause("default");
    String task =
        caller()
            .header("Tracker-Deadline", "1")
            .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
            .post(CREATE)
            .path("data.task_id");

    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> caller().get("/v1/tasks/" + task).path("status"), "failed"::equals);
    accounts.resume("default");
    assertEquals(0, TrackerStack.simulator().creates(task).size());
    caller().get("/v1/tasks/" + task).then().body("status_message", containsString("deadline"));
  }

  private static String submit() {
    return caller()
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
        .post(CREATE)
        .path("data.task_id");
  }

  private static RequestSpecification caller() {
    return given()
        .header("Authorization", "Bearer test-api-key-0001")
        .contentType("application/json");
  }
}
