package io.klingtracker.story;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.oneOf;

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
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Asking Kling on request. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class CheckStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject Jdbi jdbi;
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

  private String submit() {
    return tenant.submit("check-" + UUID.randomUUID());
  }

  private void awaitStatus(String task, String status) {
    await()
        .atMost(LIMIT)
        .until(() -> tenant.caller().get("/v1/tasks/" + task).path("status"), status::equals);
  }

  /** Nothing else would ask for an hour, and no callback comes. */
  @Test
  void kling_is_asked_at_once() {
    TrackerStack.simulator().fault(FaultRule.on(Operation.CALLBACK, new Fault.Drop()));
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(50, 2_000)).times(1));
    String task = submit();
    await()
        .atMost(LIMIT)
        .until(
            () ->
                jdbi.withHandle(
                        handle ->
                            handle
                                .createUpdate(
                                    "update open_task set next_check_at = now() + interval '1 hour' where task_id = :id")
                                .bind("id", task)
                                .execute())
                    == 1);

    tenant
        .caller()
        .post("/v1/tasks/" + task + "/check")
        .then()
        .statusCode(200)
        .body("task_id", equalTo(task))
        .body("status", oneOf("submitted", "processing", "succeed"));

    await()
        .atMost(LIMIT)
        .until(
            () ->
                jdbi.withHandle(
                    handle ->
                        handle
                            .createQuery(
                                """
                                select exists (select from task_event where task_id = :id and source = 'poll')
                                  or exists (select from open_task where task_id = :id and checks > 0)
                                """)
                            .bind("id", task)
                            .mapTo(Boolean.class)
                            .one()));
    awaitStatus(task, "succeed");
    tenant
        .caller()
        .post("/v1/tasks/" + task + "/check")
        .then()
        .statusCode(200)
        .body("status", equalTo("succeed"));
  }

  @Test
  void a_task_that_was_asked_about_just_now_waits() {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(8_000, 20_000)).times(1));
    String task = submit();
    awaitStatus(task, "submitted");
    tenant.caller().post("/v1/tasks/" + task + "/check").then().statusCode(200);

    tenant
        .caller()
        .post("/v1/tasks/" + task + "/check")
        .then()
        .statusCode(429)
        .header("Retry-After", equalTo("10"));
  }

  @Test
  void kling_is_not_asked_about_what_it_does_not_know() {
    accounts.pause("default");
    String task = submit();

    for (int i = 0; i < 2; i++) {
      tenant
          .caller()
          .post("/v1/tasks/" + task + "/check")
          .then()
          .statusCode(409)
          .body("detail", containsString("nothing of this task has been sent"));
    }
    tenant.caller().post("/v1/tasks/" + task + "/cancel").then().statusCode(200);
    tenant
        .caller()
        .post("/v1/tasks/" + task + "/check")
        .then()
        .statusCode(200)
        .body("status", equalTo("canceled"));
  }
}
