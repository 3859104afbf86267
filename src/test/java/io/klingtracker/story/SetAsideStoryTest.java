package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;

import io.klingtracker.database.JdbiProducer;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.time.Duration;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** One callback poisons nobody else's, and operators see what became of it. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class SetAsideStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Test
  void poisonous_callbacks_of_one_tenant_leave_those_of_another_alone() {
    TestTenant attacker = TestTenant.create();
    TestTenant neighbour = TestTenant.create();
    String url = track(attacker).callbackUrl();
    post(url, "{\"task_id\":\"1\\u0000\",\"task_status\":\"succeed\"}");
    post(url, "{\"id\":\"\\u0000\",\"status\":\"failed\"}");
    post(
        url,
        "{\"task_id\":\"1\",\"task_status\":\"" + "%\"!§€".repeat(600).replace("\"", "") + "\"}");

    Tracked other = track(neighbour);
    post(other.callbackUrl(), "{\"task_id\":\"77\",\"task_status\":\"processing\"}");

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                neighbour
                    .caller()
                    .get("/v1/tasks/" + other.taskId())
                    .then()
                    .body("status", equalTo("processing")));
  }

  @Test
  void what_is_set_aside_is_listed_counted_and_tried_again() {
    TestTenant tenant = TestTenant.create();
    Tracked tracked = track(tenant);
    String id;
    try (Refusing refusing =
        Refusing.rows(database(), "task_event", "task_id", tracked.taskId(), "22003")) {
      post(tracked.callbackUrl(), "{\"task_id\":\"78\",\"task_status\":\"processing\"}");
      String item = "items.find { it.task_id == '%s' }".formatted(tracked.taskId());
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  TestTenant.admin()
                      .get("/admin/v1/set-aside?kind=callback&limit=200")
                      .then()
                      .statusCode(200)
                      .body(item + ".reason", containsString("refused INSERT of task_event"))
                      .body(item + ".tenant", equalTo(tenant.id()))
                      .body(item + ".attempts", equalTo(1))
                      .body(item + ".at", notNullValue()));
      id = TestTenant.admin().get("/admin/v1/set-aside?kind=callback&limit=200").path(item + ".id");
    }
    tenant
        .caller()
        .get("/v1/tasks/" + tracked.taskId() + "/timeline")
        .then()
        .body("entries.reason", hasItem("set-aside"));
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                given()
                    .get("/q/metrics")
                    .then()
                    .body(
                        containsString("# HELP tracker_set_aside "),
                        not(containsString("tracker_set_aside{kind=\"callback\"} 0.0")),
                        containsString("# HELP tracker_loop_oldest_seconds "),
                        containsString("tracker_loop_oldest_seconds{loop=\"callbacks\"}"),
                        containsString("tracker_loop_failures_total{loop=\"reconciler\"}")));
    given()
        .get("/q/health/well")
        .then()
        .body("checks.find { it.name == 'loops' }.data.callbacks", containsString("last success"))
        .body(
            "checks.find { it.name == 'loops' }.data['set-aside callback']",
            greaterThanOrEqualTo(1));

    TestTenant.admin().post("/admin/v1/set-aside/" + id + "/retry").then().statusCode(204);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                tenant
                    .caller()
                    .get("/v1/tasks/" + tracked.taskId())
                    .then()
                    .body("status", equalTo("processing")));
    TestTenant.admin().post("/admin/v1/set-aside/" + id + "/retry").then().statusCode(404);
    TestTenant.admin().post("/admin/v1/set-aside/nothing/retry").then().statusCode(404);
    tenant.caller().get("/admin/v1/set-aside").then().statusCode(401);
    TestTenant.admin().get("/admin/v1/set-aside?cursor=made-up").then().statusCode(400);
    TestTenant.admin().get("/admin/v1/set-aside?limit=0").then().statusCode(400);
  }

  private record Tracked(String taskId, String callbackUrl) {}

  private static Tracked track(TestTenant tenant) {
    var answer =
        tenant
            .caller()
            .contentType("application/json")
            .body("{\"kind\":\"text2video\"}")
            .post("/v1/tasks/track")
            .then()
            .statusCode(200)
            .extract()
            .jsonPath();
    return new Tracked(answer.getString("task_id"), answer.getString("callback_url"));
  }

  private static void post(String url, String body) {
    given().contentType("application/json").body(body).post(url).then().statusCode(200);
  }

  private static Jdbi database() {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(TrackerStack.jdbcUrl());
    source.setUser(EmbeddedPostgresServer.USER);
    source.setPassword("");
    return JdbiProducer.over(source);
  }
}
