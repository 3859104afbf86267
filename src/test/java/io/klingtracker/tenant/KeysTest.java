package io.klingtracker.tenant;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.secret.Hashes;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.narayana.jta.QuarkusTransaction;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys over HTTP: who gets in, who does not, and what they receive. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class KeysTest {

  private static final String CREATE = "/kling/v1/videos/text2video";

  @Inject Jdbi jdbi;
  @Inject LastUsed lastUsed;
  @Inject ApiKeyRepository keys;
  @Inject RateLimits rates;
  @Inject MeterRegistry meters;

  @Test
  void a_refused_admin_key_is_counted_and_logged_without_itself() {
    List<String> lines = new CopyOnWriteArrayList<>();
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord line) {
            lines.add(String.valueOf(line.getMessage()));
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Logger log = Logger.getLogger(KeyFilter.class.getName());
    log.addHandler(handler);
    double before = refusedAdmins();
    try {
      given()
          .header("Authorization", "Bearer guess-0123456789")
          .get("/admin/v1/tenants")
          .then()
          .statusCode(401);
    } finally {
      log.removeHandler(handler);
    }
    assertEquals(before + 1, refusedAdmins());
    // Another test may have had this minute's line.
    assertTrue(lines.stream().noneMatch(line -> line.contains("guess")), lines.toString());
    assertTrue(lines.stream().allMatch(line -> line.contains("127.0.0.1")), lines.toString());
  }

  private double refusedAdmins() {
    return meters.get("tracker.auth.failures").tag("front", "admin").counter().count();
  }

  @Test
  void a_key_is_shown_once_and_stored_as_a_hash() {
    TestTenant tenant = TestTenant.create();

    assertTrue(KeyFormat.API.fits(tenant.apiKey()));
    TestTenant.admin()
        .get("/admin/v1/tenants/" + tenant.id() + "/keys")
        .then()
        .statusCode(200)
        .body("keys", hasSize(1))
        .body("keys[0].prefix", equalTo(tenant.apiKey().substring(0, 9)))
        .body("keys[0].access_key", equalTo(tenant.accessKey()))
        .body("keys[0].scopes", equalTo(List.of("read", "submit", "webhooks")))
        .body("keys[0].containsKey('api_key')", equalTo(false))
        .body("keys[0].containsKey('secret_key')", equalTo(false));
    byte[] stored =
        jdbi.withHandle(
            h ->
                h.createQuery("select key_hash from api_key where id = cast(:id as uuid)")
                    .bind("id", tenant.keyId())
                    .mapTo(byte[].class)
                    .one());
    assertArrayEquals(KeyFormat.hash(tenant.apiKey()), stored);
  }

  @ParameterizedTest
  @CsvSource({
    "submit, POST, /kling/v1/videos/text2video, 200",
    "submit, GET, /kling/v1/videos/text2video, 403",
    "submit, GET, /v1/tasks, 403",
    "submit, POST, /v1/tasks/batch, 403",
    "read, GET, /v1/tasks, 200",
    "read, GET, /kling/v1/videos/text2video, 200",
    "read, POST, /v1/tasks/batch, 200",
    "read, POST, /kling/v1/videos/text2video, 403",
    "webhooks, GET, /v1/webhooks/settings, 200",
    "read, GET, /v1/webhooks/settings, 403",
    "submit, POST, /v1/webhooks/redeliver, 403",
    "webhooks, GET, /v1/tasks, 403",
    "webhooks, POST, /kling/v1/videos/text2video, 403",
    "submit read webhooks, DELETE, /v1/tasks/none, 403",
    "erase, DELETE, /v1/tasks/none, 404",
    "erase, GET, /v1/tasks, 403",
  })
  void a_key_may_do_what_its_scopes_say(String scope, String method, String path, int status) {
    TestTenant tenant =
        TestTenant.create(
            "{\"name\":\"s\"}",
            "{\"name\":\"k\",\"scopes\":[\"%s\"]}".formatted(scope.replace(" ", "\",\"")));

    Response answer =
        tenant
            .caller()
            .body(
                path.endsWith("batch")
                    ? "{\"ids\":[]}"
                    : "{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}")
            .request(method, path);

    assertEquals(status, answer.statusCode(), answer.asString());
    if (status == 403) {
      answer
          .then()
          .body(
              path.startsWith("/kling") ? "code" : "status",
              equalTo(path.startsWith("/kling") ? 1103 : 403));
    }
  }

  @Test
  void a_revoked_key_is_refused_at_once_here_and_within_the_cache_elsewhere() {
    TestTenant tenant = TestTenant.create();
    tenant.caller().get("/v1/tasks").then().statusCode(200);

    TestTenant.admin()
        .delete("/admin/v1/tenants/" + tenant.id() + "/keys/" + tenant.keyId())
        .then()
        .statusCode(200)
        .body("revoked_at", notNullValue());

    tenant
        .caller()
        .get("/v1/tasks")
        .then()
        .statusCode(401)
        .body("code", equalTo("authorization-invalid"));
    tenant.caller().get(CREATE).then().statusCode(401).body("code", equalTo(1002));
  }

  @Test
  void another_replica_feels_a_revocation_by_itself() {
    TestTenant tenant = TestTenant.create();
    tenant.caller().get("/v1/tasks").then().statusCode(200);

    // As another replica would: past this one's cache.
    jdbi.useHandle(
        h ->
            h.createUpdate("update api_key set revoked_at = now() where id = cast(:id as uuid)")
                .bind("id", tenant.keyId())
                .execute());

    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(200))
        .until(() -> tenant.caller().get("/v1/tasks").statusCode() == 401);
  }

  @Test
  void an_expired_key_is_refused() {
    TestTenant tenant = TestTenant.create();
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    "update api_key set expires_at = now() - interval '1 second' where id = cast(:id as uuid)")
                .bind("id", tenant.keyId())
                .execute());

    tenant.caller().get("/v1/tasks").then().statusCode(401);
    TestTenant.admin()
        .body("{\"name\":\"k\",\"expires_at\":\"2020-01-01T00:00:00Z\"}")
        .post("/admin/v1/tenants/" + tenant.id() + "/keys")
        .then()
        .statusCode(400)
        .body("detail", containsString("expires_at"));
  }

  @Test
  void a_key_that_has_ended_ends_its_pair_too() {
    long now = Instant.now().getEpochSecond();
    for (String end : List.of("expires_at = now() - interval '1 second'", "revoked_at = now()")) {
      TestTenant tenant = TestTenant.create();
      jdbi.useHandle(
          h ->
              h.createUpdate("update api_key set " + end + " where id = cast(:id as uuid)")
                  .bind("id", tenant.keyId())
                  .execute());
      String token = jwt(tenant.accessKey(), tenant.secretKey(), now - 5, now + 1800);
      given()
          .header("Authorization", "Bearer " + token)
          .get(CREATE)
          .then()
          .statusCode(401)
          .body("code", equalTo(1002));
    }
  }

  @Test
  void well_formed_keys_that_nobody_made_are_refused_however_many() {
    for (int i = 0; i < 200; i++) {
      given()
          .header("Authorization", "Bearer " + KeyFormat.API.make())
          .get("/v1/tasks")
          .then()
          .statusCode(401);
    }
    TestTenant.create().caller().get("/v1/tasks").then().statusCode(200);
  }

  @Test
  void headers_that_are_missing_doubled_or_oversized_have_their_codes() {
    TestTenant tenant = TestTenant.create();

    given().get(CREATE).then().statusCode(401).body("code", equalTo(1001));
    given().get("/v1/tasks").then().statusCode(401);
    given().get("/admin/v1/tenants").then().statusCode(401);
    given()
        .header("Authorization", "Bearer " + tenant.apiKey(), "Bearer " + tenant.apiKey())
        .get(CREATE)
        .then()
        .statusCode(401)
        .body("code", equalTo(1002));
    given()
        .header("Authorization", "Bearer " + "x".repeat(8000))
        .get(CREATE)
        .then()
        .statusCode(401)
        .body("code", equalTo(1002));
    given()
        .header("Authorization", "Bearer " + "x".repeat(20_000))
        .get(CREATE)
        .then()
        .statusCode(431);
    given().header("Authorization", "Bearer é✓").get(CREATE).then().statusCode(401);
  }

  @ParameterizedTest
  @CsvSource({
    "-5, 1800, 200, 0",
    "20, 1800, 200, 0",
    "60, 1800, 401, 1003",
    "-5, -20, 200, 0",
    "-5, -60, 401, 1004",
  })
  void a_token_is_believed_within_half_a_minute(long nbf, long exp, int status, int code) {
    TestTenant tenant = TestTenant.create();
    long now = Instant.now().getEpochSecond();
    String token = jwt(tenant.accessKey(), tenant.secretKey(), now + nbf, now + exp);

    given()
        .header("Authorization", "Bearer " + token)
        .get(CREATE)
        .then()
        .statusCode(status)
        .body("code", equalTo(code));
  }

  @Test
  void a_token_signed_with_another_secret_or_for_nobody_is_refused() {
    TestTenant tenant = TestTenant.create();
    TestTenant other = TestTenant.create();
    long now = Instant.now().getEpochSecond();

    String forged = jwt(tenant.accessKey(), other.secretKey(), now - 5, now + 1800);
    given()
        .header("Authorization", "Bearer " + forged)
        .get(CREATE)
        .then()
        .statusCode(401)
        .body("code", equalTo(1000));
    String nobody = jwt(KeyFormat.ACCESS.make(), tenant.secretKey(), now - 5, now + 1800);
    given()
        .header("Authorization", "Bearer " + nobody)
        .get(CREATE)
        .then()
        .statusCode(401)
        .body("code", equalTo(1002));
  }

  @Test
  void a_tenant_is_no_administrator_and_an_administrator_no_tenant() {
    TestTenant tenant = TestTenant.create();

    tenant.caller().get("/admin/v1/tenants").then().statusCode(401);
    TestTenant.admin().get("/v1/tasks").then().statusCode(401);
    String key =
        TestTenant.admin()
            .body("{\"name\":\"ops\"}")
            .post("/admin/v1/keys")
            .then()
            .statusCode(201)
            .extract()
            .path("api_key");
    assertTrue(KeyFormat.ADMIN.fits(key));
    String id =
        given()
            .header("Authorization", "Bearer " + key)
            .get("/admin/v1/keys")
            .then()
            .statusCode(200)
            .extract()
            .path("keys.find { it.prefix == '%s' }.id".formatted(key.substring(0, 10)));
    given().header("Authorization", "Bearer " + key).get("/v1/tasks").then().statusCode(401);
    TestTenant.admin().delete("/admin/v1/keys/" + id).then().statusCode(200);
    given().header("Authorization", "Bearer " + key).get("/admin/v1/keys").then().statusCode(401);
  }

  @Test
  void the_right_to_read_administers_nothing() {
    String key =
        TestTenant.admin()
            .body("{\"name\":\"looks\"}")
            .post("/admin/v1/keys")
            .then()
            .statusCode(201)
            .extract()
            .path("api_key");
    jdbi.useHandle(
        h ->
            h.execute(
                "update api_key set admin_right = 'read' where key_hash = ?", KeyFormat.hash(key)));
    given().header("Authorization", "Bearer " + key).get("/admin/v1/keys").then().statusCode(401);
    given().header("Authorization", "Bearer " + key).get("/v1/tasks").then().statusCode(401);
  }

  @Test
  void the_last_use_is_written_on_the_side() {
    TestTenant tenant = TestTenant.create();
    tenant.caller().get("/v1/tasks").then().statusCode(200);

    lastUsed.write();

    TestTenant.admin()
        .get("/admin/v1/tenants/" + tenant.id() + "/keys")
        .then()
        .body("keys[0].last_used_at", notNullValue());
  }

  @Test
  void a_change_of_a_key_brings_no_older_use_back() {
    TestTenant tenant = TestTenant.create();
    UUID id = UUID.fromString(tenant.keyId());
    QuarkusTransaction.requiringNew()
        .run(
            () -> {
              ApiKey key = keys.findById(id);
              // It is used after it was read, and before it is written.
              jdbi.useHandle(
                  h ->
                      h.execute(
                          "update api_key set last_used_at = '2026-01-31T12:00:00Z' where id = ?",
                          id));
              key.revokedAt = Instant.parse("2026-01-31T12:00:01Z");
            });

    assertEquals(
        "2026-01-31 12:00:00 1",
        jdbi.withHandle(
            h ->
                h.createQuery(
                        "select to_char(last_used_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' ' || count(revoked_at)"
                            + " from api_key where id = :id group by id")
                    .bind("id", id)
                    .mapTo(String.class)
                    .one()));
  }

  @Test
  void a_key_over_its_rate_is_told_when_to_come_back() {
    TestTenant tenant =
        TestTenant.create("{\"name\":\"s\"}", "{\"name\":\"k\",\"rate\":0.1,\"burst\":2}");

    tenant.caller().get("/v1/tasks").then().statusCode(200);
    tenant.caller().get("/v1/tasks").then().statusCode(200);
    tenant
        .caller()
        .get("/v1/tasks")
        .then()
        .statusCode(429)
        .header("Retry-After", matchesPattern("[1-9][0-9]*"))
        .body("code", equalTo("rate-limited"));
    tenant.caller().get(CREATE).then().statusCode(429).body("code", equalTo(1302));
    // What another replica receives.
    rates.sync();
    assertEquals(
        "2",
        jdbi.withHandle(
            h ->
                h.createQuery("select used from rate_use where key_id = cast(:id as uuid)")
                    .bind("id", tenant.keyId())
                    .mapTo(String.class)
                    .one()));
  }

  @Test
  void a_quota_of_units_ends_submissions_and_nothing_else() {
    // Five seconds of kling-v3 in std cost 3 units.
    TestTenant tenant =
        TestTenant.create("{\"name\":\"s\",\"units_per_day\":4}", "{\"name\":\"k\"}");

    tenant.submit("first-" + UUID.randomUUID());

    tenant
        .caller()
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
        .post(CREATE)
        .then()
        .statusCode(429)
        .header("Retry-After", matchesPattern("[1-9][0-9]*"))
        .body("message", containsString("4 units a day"));
    tenant.caller().get("/v1/tasks").then().statusCode(200).body("tasks", hasSize(1));
  }

  @Test
  void a_tenants_own_models_come_on_top() {
    TestTenant tenant =
        TestTenant.create(
            "{\"name\":\"s\",\"models\":{\"house\":\"kling-v3\"}}", "{\"name\":\"k\"}");

    String id =
        tenant
            .caller()
            .body("{\"model_name\":\"house\",\"prompt\":\"a cat\"}")
            .post(CREATE)
            .then()
            .statusCode(200)
            .extract()
            .path("data.task_id");

    tenant
        .caller()
        .get("/v1/tasks/" + id)
        .then()
        .body("model", equalTo("house"))
        .body("upstream_model", equalTo("kling-v3"));
    TestTenant.create()
        .caller()
        .body("{\"model_name\":\"house\",\"prompt\":\"a cat\"}")
        .post(CREATE)
        .then()
        .statusCode(404);
    TestTenant.admin()
        .body("{\"name\":\"s\",\"models\":{\"a\":\"b\",\"b\":\"a\"}}")
        .put("/admin/v1/tenants/" + tenant.id())
        .then()
        .statusCode(400)
        .body("detail", containsString("circle"));
  }

  @Test
  void what_administrators_do_is_written_down_and_stays() {
    TestTenant tenant = TestTenant.create();
    String path = "/admin/v1/tenants/" + tenant.id() + "/keys";

    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .statusCode(200)
        .body("entries.findAll { it.path == '%s' }.method".formatted(path), hasItem("POST"))
        .body("entries.findAll { it.path == '%s' }.status".formatted(path), hasItem(201))
        .body(
            "entries.findAll { it.path == '%s' }.actor".formatted(path),
            hasItem("tracker.admin-key"))
        .body("entries.findAll { it.path == '%s' }.address".formatted(path), not(hasItem("")));
    for (String change :
        List.of(
            "update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log")) {
      assertThrows(RuntimeException.class, () -> jdbi.useHandle(h -> h.execute(change)));
    }
  }

  private static String jwt(String access, String secret, long nbf, long exp) {
    String text =
        part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")
            + "."
            + part("{\"iss\":\"%s\",\"exp\":%d,\"nbf\":%d}".formatted(access, exp, nbf));
    return text
        + "."
        + Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(
                Hashes.hmacSha256(
                    secret.getBytes(StandardCharsets.UTF_8),
                    text.getBytes(StandardCharsets.UTF_8)));
  }

  private static String part(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
