package io.klingtracker.api;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What clients in the field send, and what they need to receive. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ClientsTest {

  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";

  @TestHTTPResource URI base;

  /** One for all: none of these is about what another has stored. */
  private static @Nullable TestTenant shared;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    TestTenant made = shared == null ? TestTenant.create() : shared;
    shared = made;
    tenant = made;
  }

  /** Headers as they are on the wire: REST Assured writes its own. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "none",
      value = {
        "Content-Type: application/json, application/json",
        "Content-Type: application/json\\",
        "Content-Type: application/json;",
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: ;;",
        "Content-Type: application/json; charset=x",
        "X-Nothing: of it",
        "Accept: text/plain",
        "Accept: */",
        "Accept: application/xml;q=1",
        "Content-Encoding: identity"
      })
  void a_body_of_json_is_taken_whatever_its_headers_say(String header) throws IOException {
    List<String> headers = List.of("Authorization: Bearer " + tenant.apiKey(), header);
    RawClient client = new RawClient(base);
    for (String path : List.of(CREATE, "/v1/tasks/batch")) {
      byte[] body =
          (path.equals(CREATE) ? BODY : "{\"ids\":[\"a\"]}").getBytes(StandardCharsets.UTF_8);
      RawClient.Answer answer = client.send("POST", path, headers, body);
      assertEquals(200, answer.status(), path + " " + answer.body());
      assertTrue(answer.contentType().startsWith("application/json"), answer.contentType());
    }
    RawClient.Answer list = client.send("GET", "/v1/tasks", headers, new byte[0]);
    assertEquals(200, list.status(), list.body());
  }

  @Test
  void two_content_types_are_as_good_as_one() throws IOException {
    List<String> headers =
        List.of(
            "Authorization: Bearer " + tenant.apiKey(),
            "Content-Type: application/json",
            "Content-Type: application/json; charset=utf-8");
    RawClient.Answer answer =
        new RawClient(base).send("POST", CREATE, headers, BODY.getBytes(StandardCharsets.UTF_8));
    assertEquals(200, answer.status(), answer.body());
  }

  @Test
  void a_byte_order_mark_is_skipped_and_compression_refused_in_words() throws IOException {
    RawClient client = new RawClient(base);
    List<String> headers = List.of("Authorization: Bearer " + tenant.apiKey());
    for (String path : List.of(CREATE, "/v1/tasks/batch")) {
      String json = path.equals(CREATE) ? BODY : "{\"ids\":[]}";
      byte[] marked = ("\uFEFF" + json).getBytes(StandardCharsets.UTF_8);
      assertEquals(200, client.send("POST", path, headers, marked).status());

      ByteArrayOutputStream packed = new ByteArrayOutputStream();
      try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
        gzip.write(json.getBytes(StandardCharsets.UTF_8));
      }
      List<String> said = new ArrayList<>(headers);
      said.add("Content-Encoding: gzip");
      for (List<String> some : List.of(headers, said)) {
        RawClient.Answer answer = client.send("POST", path, some, packed.toByteArray());
        assertEquals(415, answer.status(), answer.body());
        assertTrue(answer.body().contains("compressed"), answer.body());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"<", ">", "|", "\\", "{", "}", "^", "`", "\"", "%zz", "%"})
  void a_query_may_have_what_no_uri_has(String raw) throws IOException {
    List<String> headers = List.of("Authorization: Bearer " + tenant.apiKey());
    RawClient client = new RawClient(base);
    RawClient.Answer none =
        client.send("GET", "/v1/tasks?external_task_id=" + raw, headers, new byte[0]);
    assertEquals(200, none.status(), none.body());
    RawClient.Answer unknown = client.send("GET", "/v1/tasks?" + raw + "=1", headers, new byte[0]);
    assertEquals(400, unknown.status(), unknown.body());
    assertEquals("application/problem+json", unknown.contentType());
    RawClient.Answer kling = client.send("GET", CREATE + "?pageNum=" + raw, headers, new byte[0]);
    assertEquals(400, kling.status(), kling.body());
    assertTrue(kling.body().contains("\"code\":1201"), kling.body());
  }

  @Test
  void what_is_shown_may_be_sent_back_with_or_without_a_byte_order_mark() throws IOException {
    RawClient client = new RawClient(base);
    List<String> admin = List.of("Authorization: Bearer " + TrackerStack.ADMIN_KEY);
    TestTenant other = TestTenant.create();
    String path = "/admin/v1/tenants/" + other.id();
    String shown = client.send("GET", path, admin, new byte[0]).body();
    for (String method : List.of("PUT", "PATCH")) {
      byte[] body = ("\uFEFF" + shown).getBytes(StandardCharsets.UTF_8);
      RawClient.Answer answer = client.send(method, path, admin, body);
      assertEquals(200, answer.status(), answer.body());
      assertEquals(shown, answer.body());
    }
    RawClient.Answer renamed =
        client.send("PUT", path, admin, "{\"id\":\"x\"}".getBytes(StandardCharsets.UTF_8));
    assertEquals(400, renamed.status());
    assertTrue(renamed.body().contains("id cannot be changed"), renamed.body());
  }

  @Test
  void a_parameter_that_nobody_filled_in_is_left_out() {
    tenant
        .caller()
        .get(
            "/v1/tasks?status=&kind=&model=&external_task_id=&created_after=&created_before=&limit=&cursor=")
        .then()
        .statusCode(200);
    tenant.caller().get("/v1/usage?from=&to=&group_by=").then().statusCode(200);
    tenant
        .caller()
        .get("/v1/webhooks/deliveries?state=&task_id=&host=&limit=&cursor=")
        .then()
        .statusCode(200);
  }

  @Test
  void empty_fields_are_none_and_the_newer_front_takes_seconds_in_text() {
    tenant
        .caller()
        .header("Tracker-Dry-Run", "true")
        .body(
            "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"image_tail\":\"\",\"static_mask\":\"\","
                + "\"mode\":\"\",\"camera_control\":{},\"callback_url\":\"\",\"external_task_id\":\"\"}")
        .post(CREATE)
        .then()
        .statusCode(200)
        .body("data.upstream_body.size()", equalTo(4));
    tenant
        .caller()
        .body("{\"prompt\":\"a cat\",\"settings\":{\"duration\":\"5\",\"resolution\":\"\"}}")
        .post("/kling/text-to-video/kling-3.0")
        .then()
        .statusCode(200);
    tenant
        .caller()
        .body(
            "{\"filters\":[],\"cursor\":\"\",\"limit\":null,\"start_time\":\"\",\"end_time\":\"\"}")
        .post("/kling/tasks")
        .then()
        .statusCode(200);
    tenant
        .caller()
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"\"}")
        .post(CREATE)
        .then()
        .statusCode(400)
        .body("message", containsString("prompt"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "GET|/v1/tasks?staus=succeed||status",
        "GET|/v1/tasks?status=succeed&status=failed||status",
        "GET|/v1/tasks?status=done||status",
        "GET|/v1/tasks?kind=text2vido||text2video",
        "GET|/v1/tasks?created_afer=2026-01-01||created_after",
        "GET|/v1/tasks/x/timeline?limt=3||limit",
        "GET|/v1/events?cursor=x||after",
        "GET|/v1/events/stream?after=x||unknown parameter after",
        "GET|/v1/usage?form=2026-01-01||from",
        "GET|/v1/webhooks/deliveries?taskid=x||task_id",
        "POST|/v1/tasks/track?x=1|{\"kind\":\"text2video\"}|unknown parameter x",
        "POST|/v1/tasks/track|{\"knd\":\"text2video\"}|kind",
        "POST|/v1/tasks/track|{\"kind\":5}|kind must be text",
        "POST|/v1/tasks/track|{\"kind\":\"text2video\",\"kling_task_id\":878106242831892487}|kling_task_id must be text",
        "POST|/v1/tasks/track|{\"kind\":[\"text2video\"]}|kind must be text",
        "POST|/v1/tasks/track|{\"kind\":\"a\",\"kind\":\"b\"}|Duplicate",
        "POST|/v1/tasks/track|[]|must be a JSON object",
        "POST|/v1/tasks/track|\"x\"|must be a JSON object",
        "POST|/v1/tasks/batch|{\"ids\":\"a\"}|ids must be an array",
        "POST|/v1/tasks/batch|{\"ids\":[{}]}|ids[0] must be text",
        "POST|/v1/tasks/batch|{\"id\":[\"a\"]}|ids",
        "POST|/v1/tasks/batch|{\"ids\":[\"a\",]}|line 1, column 13",
        "POST|/v1/tasks/batch|{\"ids\":[\"a\"|line 1",
        "POST|/v1/tasks/batch|nonsense|line 1, column",
        "PUT|/v1/webhooks/settings|{\"rotate_secret\":\"yes\"}|rotate_secret must be true or false",
        "PUT|/v1/webhooks/settings|{\"rotatesecret\":true}|rotate_secret",
        "PUT|/v1/webhooks/settings|{\"rotate_secret\":true,\"overlap_seconds\":\"5\"}|overlap_seconds must be a whole number"
      })
  void what_is_not_known_is_named_with_the_nearest(
      String method, String target, String body, String word) {
    RequestSpecification call = tenant.caller().urlEncodingEnabled(false);
    if (body != null && !body.isEmpty()) {
      call.body(body);
    }
    call.request(method, target)
        .then()
        .statusCode(400)
        .contentType("application/problem+json")
        .body("code", equalTo("invalid-request"))
        .body("detail", containsString(word));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "POST|/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"unit_per_day\":5}|units_per_day",
        "POST|/admin/v1/tenants|{\"id\":\"ID\",\"name\":5}|name must be text",
        "POST|/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"units_per_day\":\"5\"}|units_per_day must be a number",
        "POST|/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",}|line 1",
        "PUT|/admin/v1/tenants/TENANT|{\"unit_per_day\":5}|units_per_day",
        "PATCH|/admin/v1/tenants/TENANT|{\"suspend\":true}|suspended",
        "PUT|/admin/v1/tenants/TENANT|{\"name\":\"x\",\"name\":\"y\"}|Duplicate",
        "PUT|/admin/v1/tenants/TENANT|{\"name\":\"x\"|line 1",
        "PUT|/admin/v1/tenants/TENANT|{\"units_per_day\":1e99999999999}|units_per_day must be a number",
        "PATCH|/admin/v1/tenants/TENANT|{\"created_at\":1e99999999999}|exponent",
        "POST|/admin/v1/tenants/TENANT/keys|{\"name\":\"x\",\"scope\":[\"read\"]}|scopes",
        "POST|/admin/v1/tenants/TENANT/keys|{\"name\":\"x\",\"scopes\":[\"reed\"]}|read",
        "GET|/admin/v1/tenants?limt=1||limit",
        "GET|/admin/v1/audit?after=x||before",
        "POST|/admin/v1/events/replay|{\"taskid\":\"x\"}|task_id"
      })
  void administrators_are_told_too(String method, String target, String body, String word) {
    RequestSpecification call = TestTenant.admin().urlEncodingEnabled(false);
    if (body != null && !body.isEmpty()) {
      call.body(body.replace("ID", "t-" + UUID.randomUUID()));
    }
    call.request(method, target.replace("TENANT", tenant.id()))
        .then()
        .statusCode(400)
        .body("code", equalTo("invalid-request"))
        .body("detail", containsString(word));
  }

  @Test
  void what_begins_with_an_underscore_is_the_callers_own() {
    tenant.caller().get("/v1/tasks?_=1765&_cache=no&_=2").then().statusCode(200);
    // Kling itself ignores what it does not know.
    tenant.caller().get(CREATE + "?pageNum=1&x=y").then().statusCode(200);
  }

  @Test
  void a_kind_that_was_ever_stored_is_a_filter() throws SQLException {
    String id = tenant.submit("own-" + UUID.randomUUID());
    sql("update task set kind = 'of-old' where id = '" + id + "'");

    tenant.caller().get("/v1/tasks?kind=of-old").then().statusCode(200).body("tasks", hasSize(1));
    tenant.caller().get("/v1/tasks?kind=motion-control").then().statusCode(200);
    tenant.caller().get("/v1/tasks?kind=of-new").then().statusCode(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "2026-01-31",
        "2026-01-31T12:00:00+02:00",
        "2026-01-31T12:00:00%2B02:00",
        "2026-01-31T12:00:00.123Z"
      })
  void times_are_days_too_and_a_plus_may_have_become_a_space(String time) {
    tenant
        .caller()
        .urlEncodingEnabled(false)
        .get("/v1/tasks?created_after=" + time)
        .then()
        .statusCode(200);
  }

  @Test
  void broken_json_says_where() {
    tenant
        .caller()
        .body("{\"model_name\":\"kling-v3\",\n \"prompt\": a cat}")
        .post(CREATE)
        .then()
        .statusCode(400)
        .body("message", containsString("line 2, column"));
  }

  @Test
  void refusals_say_what_would_do() {
    tenant
        .caller()
        .delete("/v1/tasks")
        .then()
        .statusCode(405)
        .header("Allow", allOf(containsString("GET"), not(containsString("DELETE"))));
    tenant
        .caller()
        .get("/v1/tasks/x/cancel")
        .then()
        .statusCode(405)
        .header("Allow", equalTo("POST"));
    TestTenant.admin()
        .post("/admin/v1/tenants/" + tenant.id())
        .then()
        .statusCode(405)
        .header("Allow", allOf(containsString("PATCH"), containsString("PUT")));
    tenant.caller().delete("/v1/nothing").then().statusCode(404).header("Allow", nullValue());
    tenant.caller().get("/v1/tasks/x/nothing").then().statusCode(404);
    for (String path : List.of(CREATE, "/v1/tasks", "/admin/v1/tenants")) {
      for (String key : List.of("Bearer nobody's", "Basic x")) {
        RestAssured.given()
            .header("Authorization", key)
            .get(path)
            .then()
            .statusCode(401)
            .header("WWW-Authenticate", startsWith("Bearer"));
      }
      RestAssured.given()
          .get(path)
          .then()
          .statusCode(401)
          .header("WWW-Authenticate", startsWith("Bearer"));
    }
  }

  @Test
  void twenty_long_ids_go_into_one_request() {
    String ids =
        IntStream.range(0, 20)
            .mapToObj(i -> ("é" + i + "x".repeat(250)).substring(0, 250))
            .collect(Collectors.joining(","));
    tenant
        .caller()
        .urlEncodingEnabled(false)
        .get("/kling/tasks?external_task_ids=" + URLEncoder.encode(ids, StandardCharsets.UTF_8))
        .then()
        .statusCode(200)
        .body("data", hasSize(0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://my_host.example.com/cb",
        "https://b\u00fccher.example/cb",
        "https://example.com/cb/{id}?x={y}",
        "https://example.com/cb?sig="
      })
  void urls_are_read_as_they_are_written(String url) {
    String full = url.endsWith("=") ? url + "a".repeat(8192 - url.length()) : url;
    tenant
        .caller()
        .header("Tracker-Dry-Run", "true")
        .body(BODY.replace("}", ",\"callback_url\":\"" + full + "\"}"))
        .post(CREATE)
        .then()
        .statusCode(200);
    tenant
        .caller()
        .header("Tracker-Dry-Run", "true")
        .body("{\"video_url\":\"" + full + "\"}")
        .post("/kling/v1/audio/video-to-audio")
        .then()
        .statusCode(200);
  }

  @ParameterizedTest
  @CsvSource({
    "ftp://example.com/x, http:// or https://",
    "https://user:pw@example.com/, user name",
    "https://exa mple.com/, spaces",
    "https://example.com:99999/, port",
    "https:///x, host",
    "https://a..b/, valid host",
    "//example.com/x, http:// or https://"
  })
  void a_url_that_is_none_says_why(String url, String words) {
    tenant
        .caller()
        .body(BODY.replace("}", ",\"callback_url\":\"" + url + "\"}"))
        .post(CREATE)
        .then()
        .statusCode(400)
        .body("message", allOf(containsString("callback_url"), containsString(words)));
    tenant
        .caller()
        .body("{\"video_url\":\"" + url + "\"}")
        .post("/kling/v1/audio/video-to-audio")
        .then()
        .statusCode(400)
        .body("message", allOf(containsString("video_url"), containsString(words)));
  }

  @Test
  void a_stream_is_for_no_cache_and_its_events_are_data_alone() throws Exception {
    String id = tenant.submit("sse-" + UUID.randomUUID());
    HttpResponse<String> whole =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(base.resolve("/v1/tasks/" + id + "/events"))
                    .header("Authorization", "Bearer " + tenant.apiKey())
                    .header("Accept", "text/event-stream")
                    .build(),
                HttpResponse.BodyHandlers.ofString());

    assertEquals(200, whole.statusCode());
    assertTrue(
        whole.headers().firstValue("Content-Type").orElse("").startsWith("text/event-stream"));
    assertEquals("no-cache", whole.headers().firstValue("Cache-Control").orElse(""));
    assertEquals("no", whole.headers().firstValue("X-Accel-Buffering").orElse(""));
    assertFalse(whole.body().contains("content-type"), whole.body());
    assertTrue(
        whole.body().contains("\ndata:{") || whole.body().contains("\ndata: {"), whole.body());
  }

  @Test
  void deliveries_are_found_by_any_id_of_their_task() {
    String own = "own-" + UUID.randomUUID();
    String id =
        tenant
            .caller()
            .header("Prefer", "wait=30")
            .body(
                BODY.replace(
                    "}",
                    ",\"external_task_id\":\""
                        + own
                        + "\",\"callback_url\":\"https://nobody.example.com/cb\"}"))
            .post(CREATE)
            .then()
            .statusCode(200)
            .extract()
            .path("data.task_id");
    String kling = tenant.caller().get("/v1/tasks/" + id).then().extract().path("kling_task_id");
    for (String any : List.of(id, own, kling)) {
      tenant
          .caller()
          .get("/v1/webhooks/deliveries?task_id=" + any)
          .then()
          .statusCode(200)
          .body("deliveries[0].task_id", equalTo(id));
    }
    tenant
        .caller()
        .get("/v1/webhooks/deliveries?task_id=none")
        .then()
        .statusCode(200)
        .body("deliveries", hasSize(0));
  }

  /** Rules become stricter between a request and its retry; the task is there all the same. */
  @Test
  void a_retry_finds_its_task_before_rules_that_came_meanwhile() throws SQLException {
    String key = "key-" + UUID.randomUUID();
    String id = submit(key, BODY).statusCode(200).extract().path("data.task_id");
    // As if the first had been stored with a body that is refused today.
    String refused = BODY.replace("kling-v3", "no-such-model");
    sql(
        "update idempotency_key set request_hash = sha256(convert_to('/v1/videos/text2video', 'UTF8') || '\\x00'"
            + " || convert_to('"
            + refused
            + "', 'UTF8')) where task_id = '"
            + id
            + "'");

    submit(key, refused)
        .statusCode(200)
        .header("Idempotent-Replayed", "true")
        .body("data.task_id", equalTo(id));
    submit("other-" + key, refused).statusCode(404);
    submit(key, BODY).statusCode(422);
  }

  /** By this the npm package kling-api sees whether its key is good. */
  @Test
  void who_asks_for_packs_is_told_of_none() {
    tenant
        .caller()
        .get("/kling/account/costs?start_time=0&end_time=1")
        .then()
        .statusCode(200)
        .body("code", equalTo(0))
        .body("data.code", equalTo(0))
        .body("data.resource_pack_subscribe_infos", equalTo(List.of()));
    given().get("/kling/account/costs").then().statusCode(401);
  }

  private static void sql(String statement) throws SQLException {
    try (Connection connection =
            DriverManager.getConnection(TrackerStack.jdbcUrl(), EmbeddedPostgresServer.USER, "");
        Statement change = connection.createStatement()) {
      assertEquals(1, change.executeUpdate(statement));
    }
  }

  private ValidatableResponse submit(String key, String body) {
    return tenant.caller().header("Idempotency-Key", key).body(body).post(CREATE).then();
  }
}
