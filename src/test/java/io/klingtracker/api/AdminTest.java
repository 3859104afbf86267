package io.klingtracker.api;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What administrators see of accounts and tenants, and what they can change about them. */
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
@Tag("story")
class AdminTest {

  private static final String ACCOUNT = "/admin/v1/accounts/default";
  private static final Duration SLOWEST = Duration.ofSeconds(60);

  @BeforeEach
  void a_simulator_without_faults() {
    TrackerStack.simulator().clearFaults();
  }

  @AfterEach
  void the_account_as_it_was() {
    TrackerStack.simulator().clearFaults();
    TestTenant.admin().post(ACCOUNT + "/resume").then().statusCode(200);
  }

  @Test
  void accounts_show_slots_health_and_how_callbacks_come() {
    TestTenant tenant = TestTenant.create();
    String id = tenant.submit("shot-" + UUID.randomUUID());
    await()
        .atMost(SLOWEST)
        .until(() -> "succeed".equals(tenant.caller().get("/v1/tasks/" + id).path("status")));

    TestTenant.admin()
        .get("/admin/v1/accounts")
        .then()
        .statusCode(200)
        .body("accounts", hasSize(1))
        .body("accounts[0].name", equalTo("default"))
        .body("accounts[0].max_parallel", equalTo(5))
        .body(
            "accounts[0].limits.keySet()", hasItems("video", "image", "try-on", "audio", "general"))
        .body("accounts[0].limits.video", equalTo(5))
        .body("accounts[0].models", empty())
        .body("accounts[0].weight", equalTo(1))
        .body("accounts[0].paused", equalTo(false))
        .body("accounts[0].breaker", equalTo("closed"))
        .body("accounts[0].parked", empty())
        .body("accounts[0]", hasKey("slots"));
    for (String figure :
        List.of(
            "expected", "arrived", "wrong", "lost", "median_lead_ms", "p99_lead_ms", "silence")) {
      TestTenant.admin().get(ACCOUNT).then().statusCode(200).body("callbacks", hasKey(figure));
    }
  }

  @Test
  void a_paused_account_sends_nothing_until_it_is_resumed() {
    TestTenant tenant = TestTenant.create();
    TestTenant.admin()
        .post(ACCOUNT + "/pause")
        .then()
        .statusCode(200)
        .body("name", equalTo("default"))
        .body("paused", equalTo(true));
    String id = tenant.submit("shot-" + UUID.randomUUID());
    tenant
        .caller()
        .get("/v1/tasks/" + id + "/explain")
        .then()
        .body("status", equalTo("queued"))
        .body("reason", containsString("paused"));
    TestTenant.admin().get(ACCOUNT).then().body("paused", equalTo(true));

    TestTenant.admin()
        .post(ACCOUNT + "/resume")
        .then()
        .statusCode(200)
        .body("paused", equalTo(false));

    await()
        .atMost(SLOWEST)
        .until(() -> !"queued".equals(tenant.caller().get("/v1/tasks/" + id).path("status")));
    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body("entries.path", hasItems(ACCOUNT + "/pause", ACCOUNT + "/resume"));
  }

  @Test
  void what_kling_refuses_is_parked_with_its_reason_until_it_is_resumed() {
    TestTenant tenant = TestTenant.create();
    TrackerStack.simulator()
        .fault(
            FaultRule.on(
                Operation.CREATE, new Fault.Refuse(429, 1102, "Account balance not enough")));
    String id = tenant.submit("shot-" + UUID.randomUUID());

    await()
        .atMost(SLOWEST)
        .untilAsserted(
            () ->
                TestTenant.admin()
                    .get(ACCOUNT)
                    .then()
                    .body("parked.code", hasItem(1102))
                    .body("parked[0].family", equalTo("video"))
                    .body("parked[0].reason", equalTo("Account balance not enough"))
                    .body("parked[0].at", notNullValue())
                    .body("parked[0].probe_at", notNullValue()));
    tenant
        .caller()
        .get("/v1/tasks/" + id + "/explain")
        .then()
        .body("status", equalTo("queued"))
        .body("reason", containsString("1102"));

    TrackerStack.simulator().clearFaults();
    TestTenant.admin().post(ACCOUNT + "/resume").then().statusCode(200).body("parked", empty());
    await()
        .atMost(SLOWEST)
        .until(() -> !"queued".equals(tenant.caller().get("/v1/tasks/" + id).path("status")));
  }

  @ParameterizedTest
  @CsvSource({"GET, ''", "POST, /pause", "POST, /resume"})
  void an_account_that_nobody_configured_is_not_found(String method, String action) {
    TestTenant.admin()
        .request(method, "/admin/v1/accounts/nobody" + action)
        .then()
        .statusCode(404)
        .contentType("application/problem+json")
        .body("detail", containsString("nobody"));
  }

  @Test
  void metrics_show_each_accounts_breaker_and_what_is_parked() {
    await()
        .atMost(SLOWEST)
        .untilAsserted(
            () -> {
              String metrics = given().get("/q/metrics").asString();
              assertTrue(
                  metrics.contains("tracker_dispatch_breaker{account=\"default\"}"), metrics);
              assertTrue(metrics.contains("tracker_dispatch_parked{account=\"default\"}"), metrics);
            });
  }

  @Test
  void a_self_test_looks_at_an_account_and_shows_the_consoles_callback() throws Exception {
    String url =
        TestTenant.admin()
            .post(ACCOUNT + "/self-test")
            .then()
            .statusCode(200)
            .body("checks.name", hasItems("reachability", "credentials", "clock", "pack"))
            .body("checks.findAll { it.name != 'callback' }.ok", everyItem(equalTo(true)))
            .extract()
            .path("callback");
    String path = java.net.URI.create(url).getPath();
    assertTrue(path.startsWith("/callbacks/kling/self-test-default/"), path);

    given()
        .contentType("application/json")
        .body("{\"id\":\"7\",\"status\":\"submitted\",\"outputs\":[],\"message\":\"\"}")
        .post(path)
        .then()
        .statusCode(200)
        .body("code", equalTo(0));
    TestTenant.admin()
        .get(ACCOUNT + "/self-test")
        .then()
        .statusCode(200)
        .body("callback", equalTo(url))
        .body("checks.find { it.name == 'callback' }.ok", equalTo(true))
        .body(
            "checks.find { it.name == 'callback' }.detail",
            containsString("its signature is not there, and not asked for"))
        .body("checks.find { it.name == 'callback' }.detail", containsString("submitted"));

    given().body("no JSON").post(path).then().statusCode(200);
    TestTenant.admin()
        .get(ACCOUNT + "/self-test")
        .then()
        .body("checks.find { it.name == 'callback' }.ok", equalTo(false))
        .body("checks.find { it.name == 'callback' }.detail", containsString("not JSON"));

    given().body("{}").post(path + "x").then().statusCode(401);
    TestTenant.admin().get("/admin/v1/accounts/nobody/self-test").then().statusCode(404);
    TestTenant.admin().post("/admin/v1/accounts/nobody/self-test").then().statusCode(404);
    TestTenant.create().caller().post(ACCOUNT + "/self-test").then().statusCode(401);
  }

  @Test
  void an_account_shows_its_packs_and_what_is_not_matched() {
    await()
        .atMost(SLOWEST)
        .untilAsserted(
            () ->
                TestTenant.admin()
                    .get(ACCOUNT)
                    .then()
                    .statusCode(200)
                    .body("packs[0].status", equalTo("online"))
                    .body("packs[0].remaining", notNullValue())
                    .body("packs[0].ends_at", notNullValue()));
    await()
        .atMost(SLOWEST)
        .untilAsserted(
            () ->
                TestTenant.admin()
                    .get(ACCOUNT + "/deductions")
                    .then()
                    .statusCode(200)
                    .body("account", equalTo("default"))
                    .body("to", notNullValue())
                    .body("failure", nullValue())
                    .body("unmatched", empty()));
    String metrics = given().get("/q/metrics").asString();
    assertTrue(metrics.contains("tracker_billing_pack_remaining{"), "no packs");
    assertTrue(
        metrics.contains("tracker_billing_unmatched{account=\"default\",side=\"kling\""),
        "nothing compared");
    TestTenant.admin().get("/admin/v1/accounts/nobody/deductions").then().statusCode(404);
    TestTenant.admin().get(ACCOUNT + "/deductions?from=yesterday").then().statusCode(400);
  }

  @Test
  void a_self_test_tells_which_credential_kling_refuses() {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.LIST, new Fault.Revoked("key-pair")).times(1));

    TestTenant.admin()
        .post(ACCOUNT + "/self-test")
        .then()
        .statusCode(200)
        .body("checks.find { it.name == 'credentials' }.detail", containsString("api-key: taken"));
  }

  @Test
  void a_tenants_weight_is_one_until_it_is_set() {
    TestTenant tenant = TestTenant.create();
    String path = "/admin/v1/tenants/" + tenant.id();
    TestTenant.admin().get(path).then().statusCode(200).body("weight", equalTo(1));

    TestTenant.admin()
        .body("{\"name\":\"story\",\"weight\":3}")
        .put(path)
        .then()
        .statusCode(200)
        .body("weight", equalTo(3));

    TestTenant.admin().get(path).then().body("weight", equalTo(3));
    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body("entries.findAll { it.path == '%s' }.method".formatted(path), hasItem("PUT"));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 1001})
  void a_senseless_weight_is_refused(int weight) {
    TestTenant.admin()
        .body("{\"id\":\"t-%s\",\"name\":\"x\",\"weight\":%d}".formatted(UUID.randomUUID(), weight))
        .post("/admin/v1/tenants")
        .then()
        .statusCode(400)
        .body("detail", containsString("weight"));
  }

  @Test
  void creates_in_doubt_are_listed_and_decided_about_by_name() {
    TestTenant.admin()
        .get("/admin/v1/doubts?limit=1")
        .then()
        .statusCode(200)
        .body("doubts.size()", lessThanOrEqualTo(1));
    String nobody = "/admin/v1/doubts/task_00000000000000000000000000";
    TestTenant.admin()
        .contentType("application/json")
        .body("{\"kling_task_id\":\"4711\"}")
        .post(nobody + "/accepted")
        .then()
        .statusCode(404)
        .body("detail", equalTo("no create of this task is in doubt"));
    TestTenant.admin()
        .contentType("application/json")
        .body("{}")
        .post(nobody + "/accepted")
        .then()
        .statusCode(400)
        .body("detail", containsString("kling_task_id"));
    TestTenant.admin().post(nobody + "/not-accepted").then().statusCode(404);
    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body("entries.path", hasItems(nobody + "/accepted", nobody + "/not-accepted"));
  }
}
