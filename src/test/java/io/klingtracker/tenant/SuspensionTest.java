package io.klingtracker.tenant;

import static io.klingtracker.testing.Rows.status;
import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.IdentityProvider;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A tenant or key that is stopped, and what becomes of what it has. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class SuspensionTest {

  private static final Duration SLOWEST = Duration.ofSeconds(30);
  private static final String ACCOUNT = "/admin/v1/accounts/default";
  private static final String CREATE = "/kling/v1/videos/text2video";

  @Inject Jdbi jdbi;
  @Inject OpenCalls calls;

  @TestHTTPResource URI base;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
  }

  @AfterEach
  void the_account_as_it_was() {
    TestTenant.admin().post(ACCOUNT + "/resume").then().statusCode(200);
  }

  @Test
  void a_suspended_tenant_is_refused_whoever_comes_for_it() {
    String person =
        IdentityProvider.sign(
            IdentityProvider.claims(Map.of("tenant", tenant.id(), "roles", "tracker-read")));
    given().header("Authorization", "Bearer " + person).get("/v1/tasks").then().statusCode(200);

    patch(tenantPath(), "{\"suspended\":true}");

    tenant.caller().get(CREATE).then().statusCode(403).body("code", equalTo(1103));
    tenant.caller().body("{}").post(CREATE).then().statusCode(403).body("code", equalTo(1103));
    tenant
        .caller()
        .get("/v1/tasks")
        .then()
        .statusCode(403)
        .contentType("application/problem+json")
        .body("code", equalTo("forbidden"));
    given().header("Authorization", "Bearer " + person).get("/v1/tasks").then().statusCode(403);
    TestTenant.create().caller().get("/v1/tasks").then().statusCode(200);
    TestTenant.admin().get(tenantPath()).then().body("suspended", equalTo(true));
    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body(
            "entries.findAll { it.path == '%s' }.detail".formatted(tenantPath()),
            hasItem("sets suspended=true"));

    patch(tenantPath(), "{\"suspended\":false}");
    tenant.caller().get("/v1/tasks").then().statusCode(200);
    given().header("Authorization", "Bearer " + person).get("/v1/tasks").then().statusCode(200);
  }

  @Test
  void a_suspended_key_is_refused_and_the_tenants_others_are_not() {
    TestTenant other = TestTenant.withKey(tenant.id(), "{\"name\":\"other\"}");
    String path = tenantPath() + "/keys/" + tenant.keyId();

    patch(path, "{\"suspended\":true}");
    tenant.caller().get("/v1/tasks").then().statusCode(403);
    other.caller().get("/v1/tasks").then().statusCode(200);
    TestTenant.admin()
        .body("{\"suspended\":null}")
        .patch(path)
        .then()
        .statusCode(400)
        .body("detail", equalTo("suspended cannot be removed; give true or false"));
    tenant.caller().get("/v1/tasks").then().statusCode(403);
    patch(path, "{\"suspended\":false}");
    tenant.caller().get("/v1/tasks").then().statusCode(200);

    TestTenant.admin().delete(path).then().statusCode(200);
    TestTenant.admin().body("{\"name\":\"back\"}").patch(path).then().statusCode(409);
    tenant.caller().get("/v1/tasks").then().statusCode(401);
  }

  @Test
  void a_suspended_administrators_key_is_refused() {
    var made =
        TestTenant.admin()
            .body("{\"name\":\"helper\"}")
            .post("/admin/v1/keys")
            .then()
            .statusCode(201)
            .extract()
            .jsonPath();
    String key = "Bearer " + made.getString("api_key");
    given().header("Authorization", key).get("/admin/v1/tenants").then().statusCode(200);
    patch("/admin/v1/keys/" + made.getString("id"), "{\"suspended\":true}");
    given().header("Authorization", key).get("/admin/v1/tenants").then().statusCode(403);
  }

  @Test
  void its_queued_tasks_wait_and_what_runs_is_tracked_to_its_end() {
    String running = tenant.submit("running-" + UUID.randomUUID());
    await().atMost(SLOWEST).until(() -> !"queued".equals(status(jdbi, running)));
    TestTenant.admin().post(ACCOUNT + "/pause").then().statusCode(200);
    String queued = tenant.submit("queued-" + UUID.randomUUID());
    patch(tenantPath(), "{\"suspended\":true}");
    TestTenant.admin().post(ACCOUNT + "/resume").then().statusCode(200);

    TestTenant neighbour = TestTenant.create();
    String theirs = neighbour.submit("theirs-" + UUID.randomUUID());
    await().atMost(SLOWEST).until(() -> "succeed".equals(status(jdbi, theirs)));
    await().atMost(SLOWEST).until(() -> "succeed".equals(status(jdbi, running)));
    assertEquals("queued", status(jdbi, queued), "sent although its tenant is suspended");

    patch(tenantPath(), "{\"suspended\":false}");
    await().atMost(SLOWEST).until(() -> "succeed".equals(status(jdbi, queued)));
  }

  @Test
  void streams_and_waits_of_a_suspended_tenant_and_a_revoked_key_end() throws Exception {
    TestTenant revoked = TestTenant.create();
    TestTenant stays = TestTenant.create();
    HttpClient client = HttpClient.newHttpClient();
    InputStream stream = open(client, tenant);
    InputStream other = open(client, revoked);
    InputStream untouched = open(client, stays);
    CompletableFuture<HttpResponse<String>> wait =
        client.sendAsync(
            request(tenant, "/v1/events?wait=60"), HttpResponse.BodyHandlers.ofString());
    await().atMost(SLOWEST).until(() -> calls.callers() >= 3);

    patch(tenantPath(), "{\"suspended\":true}");
    TestTenant.admin()
        .delete("/admin/v1/tenants/" + revoked.id() + "/keys/" + revoked.keyId())
        .then()
        .statusCode(200);

    stream.readAllBytes();
    other.readAllBytes();
    assertEquals(403, wait.get(SLOWEST.toSeconds(), TimeUnit.SECONDS).statusCode());
    assertEquals(1, calls.callers());
    untouched.close();
    await().atMost(SLOWEST).until(() -> calls.callers() == 0);
  }

  @Test
  void what_is_left_out_stays_and_null_removes() {
    for (String method : new String[] {"PUT", "PATCH"}) {
      TestTenant.admin()
          .body(
              "{\"name\":\"all\",\"max_queued\":7,\"units_per_day\":2.5,\"units_per_month\":30,\"amount_per_month\":4.5,\"weight\":3,\"models\":{\"mine\":\"kling-v3\"}}")
          .request(method, tenantPath())
          .then()
          .statusCode(200);
      TestTenant.admin()
          .body("{\"max_queued\":null,\"weight\":null}")
          .request(method, tenantPath())
          .then()
          .statusCode(200)
          .body("name", equalTo("all"))
          .body("max_queued", nullValue())
          .body("units_per_day", equalTo(2.5f))
          .body("units_per_month", equalTo(30))
          .body("amount_per_month", equalTo(4.5f))
          .body("weight", equalTo(1))
          .body("models.mine", equalTo("kling-v3"))
          .body("track_accounts", hasSize(1))
          .body("suspended", equalTo(false));
      for (String bad :
          new String[] {"[]", "7", "{\"name\":null}", "{\"name\":7.5,\"weight\":\"x\"}", "", "{"}) {
        TestTenant.admin().body(bad).request(method, tenantPath()).then().statusCode(400);
      }
    }
    String key = tenantPath() + "/keys/" + tenant.keyId();
    patch(key, "{\"rate\":5,\"burst\":9,\"scopes\":[\"read\"]}");
    TestTenant.admin()
        .body("{\"rate\":null}")
        .patch(key)
        .then()
        .statusCode(200)
        .body("rate", nullValue())
        .body("burst", equalTo(9))
        .body("scopes", hasSize(1));
  }

  @Test
  void null_gives_a_key_no_more_than_it_had_and_the_log_tells_what_is_set() {
    String key = tenantPath() + "/keys/" + tenant.keyId();
    patch(key, "{\"scopes\":[\"read\"],\"rate\":5}");
    for (String wider : new String[] {"{\"scopes\":null}", "{\"scopes\":[]}"}) {
      TestTenant.admin()
          .body(wider)
          .patch(key)
          .then()
          .statusCode(400)
          .body("detail", equalTo("scopes cannot be removed; give a list"));
    }
    for (String field : new String[] {"max_queued", "weight"}) {
      TestTenant.admin()
          .body("{\"%s\":3000000000}".formatted(field))
          .patch(tenantPath())
          .then()
          .statusCode(400)
          .body(
              "detail", equalTo(field + " must be a whole number from -2147483648 to 2147483647"));
    }
    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body(
            "entries.findAll { it.path == '%s' }.detail".formatted(key),
            hasItem("sets scopes=[\"read\"], rate=5"));
  }

  private String tenantPath() {
    return "/admin/v1/tenants/" + tenant.id();
  }

  private static void patch(String path, String body) {
    TestTenant.admin().body(body).patch(path).then().statusCode(200);
  }

  private InputStream open(HttpClient client, TestTenant who) throws Exception {
    HttpResponse<InputStream> answer =
        client.send(request(who, "/v1/events/stream"), HttpResponse.BodyHandlers.ofInputStream());
    assertEquals(200, answer.statusCode());
    return answer.body();
  }

  private HttpRequest request(TestTenant who, String path) {
    return HttpRequest.newBuilder(base.resolve(path))
        .header("Authorization", "Bearer " + who.apiKey())
        .build();
  }
}
