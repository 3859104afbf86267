package io.klingtracker.retention;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.time.Duration;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is done to many tasks at once is counted first, and done to as many as were confirmed. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class CountedActsStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject KlingAccounts accounts;
  @Inject Jdbi jdbi;

  @AfterEach
  void the_account_as_it_was() {
    accounts.resume("default");
  }

  private static String submit(TestTenant tenant, String order) {
    return tenant
        .caller()
        .header("Tracker-Metadata", "{\"order\":\"" + order + "\"}")
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  private static ValidatableResponse act(TestTenant tenant, String act, String body) {
    return tenant.caller().body(body).post("/v1/tasks/" + act).then();
  }

  @Test
  void tasks_are_erased_by_what_they_have_in_common() {
    TestTenant tenant = TestTenant.erasing();
    String first = submit(tenant, "secret");
    String second = submit(tenant, "secret");
    String other = submit(tenant, "open");
    for (String id : new String[] {first, second, other}) {
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  tenant.caller().get("/v1/tasks/" + id).then().body("status", equalTo("succeed")));
    }
    String which = "{\"metadata\":{\"order\":\"secret\"},\"status\":\"succeed\"";

    act(tenant, "erase", which + "}")
        .statusCode(200)
        .body("matched", equalTo(2))
        .body("done", equalTo(0));
    tenant.caller().get("/v1/tasks/" + first).then().statusCode(200);
    act(tenant, "erase", which + ",\"confirm\":3}")
        .statusCode(409)
        .contentType("application/problem+json")
        .body("matched", equalTo(2));
    tenant.caller().get("/v1/tasks/" + first).then().statusCode(200);
    act(tenant, "erase", which + ",\"confirm\":2}")
        .statusCode(200)
        .body("matched", equalTo(2))
        .body("done", equalTo(2));

    tenant.caller().get("/v1/tasks/" + first).then().statusCode(404);
    tenant.caller().get("/v1/tasks/" + second).then().statusCode(404);
    tenant.caller().get("/v1/tasks/" + other).then().statusCode(200);
    TestTenant.admin()
        .get("/admin/v1/audit?limit=50")
        .then()
        .body(
            "entries.find { it.path == '/v1/tasks/erase' && it.actor.startsWith('"
                + tenant.id()
                + "') }.detail",
            equalTo("2 tasks by metadata, status"));
    assertEquals(
        0,
        Rows.count(
            jdbi,
            "audit_log a where a::text like '%secret%' and actor like '" + tenant.id() + "%'"));
    act(tenant, "erase", "{}").statusCode(400).body("detail", containsString("name at least one"));
    act(tenant, "erase", "{\"metdata\":{\"order\":\"x\"}}")
        .statusCode(400)
        .body("detail", containsString("metadata"));
    act(TestTenant.create(), "erase", which + "}").statusCode(403);
  }

  @Test
  void waiting_tasks_are_withdrawn_by_what_they_have_in_common() {
    TestTenant tenant = TestTenant.create();
    accounts.pause("default");
    String first = submit(tenant, "1");
    String second = submit(tenant, "1");
    String other = submit(tenant, "2");
    String which = "{\"metadata\":{\"order\":\"1\"}";

    act(tenant, "cancel", which + "}").statusCode(200).body("matched", equalTo(2));
    act(tenant, "cancel", which + ",\"confirm\":1}").statusCode(409).body("matched", equalTo(2));
    act(tenant, "cancel", which + ",\"confirm\":2}").statusCode(200).body("done", equalTo(2));

    for (String id : new String[] {first, second}) {
      tenant.caller().get("/v1/tasks/" + id).then().body("status", equalTo("canceled"));
      assertEquals(0, TrackerStack.simulator().creates(id).size());
    }
    tenant.caller().get("/v1/tasks/" + other).then().body("status", equalTo("queued"));
    act(tenant, "cancel", which + "}").statusCode(200).body("matched", equalTo(0));
    act(tenant, "cancel", "{\"status\":\"succeed\"}").statusCode(400);
  }
}
