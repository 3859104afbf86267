package io.klingtracker.api;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.aMapWithSize;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.klingtracker.testing.EventLog;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a caller keeps with a task is on every way on which the task is told of, and finds it. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class MetadataStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String HEADER = "Tracker-Metadata";
  private static final String LEGACY = "/kling/v1/videos/text2video";
  private static final String NEWER = "/kling/text-to-video/kling-3.0-turbo";
  private static final String CAT = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";
  private static final String NEWER_CAT = "{\"prompt\":\"a cat\"}";
  private static final String SENT = "{\"order\":\"4711\",\"who\":\"J\\u00fcrgen \\ud83d\\ude00\"}";
  private static final Map<String, String> KEPT =
      Map.of("order", "4711", "who", "J\u00FCrgen \uD83D\uDE00");

  @TestHTTPResource URI base;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
  }

  private RequestSpecification caller() {
    return tenant.caller();
  }

  @Test
  void is_on_the_task_its_events_its_webhooks_and_in_lists() throws Exception {
    List<@Nullable String> headers = new CopyOnWriteArrayList<>();
    HttpServer receiver =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
    receiver.createContext("/", exchange -> receive(exchange, headers));
    receiver.start();
    try (EventLog log = new EventLog(TrackerStack.kafkaBootstrapServers())) {
      String task =
          caller()
              .header(HEADER, SENT)
              .body(
                  "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"callback_url\":\"http://127.0.0.1:%d/\"}"
                      .formatted(receiver.getAddress().getPort()))
              .post(LEGACY)
              .then()
              .statusCode(200)
              .extract()
              .path("data.task_id");
      await()
          .atMost(LIMIT)
          .until(
              () ->
                  caller().get("/v1/tasks/" + task).path("status").equals("succeed")
                      && !headers.isEmpty());

      caller().get("/v1/tasks/" + task).then().body("metadata", equalTo(KEPT));
      caller().get("/v1/tasks").then().body("tasks[0].metadata", equalTo(KEPT));
      caller()
          .body("{\"ids\":[\"" + task + "\"]}")
          .post("/v1/tasks/batch")
          .then()
          .body("tasks[0].metadata", equalTo(KEPT));
      List<Map<String, ?>> told = caller().get("/v1/events").path("events.metadata");
      assertTrue(told.size() >= 3 && told.stream().allMatch(KEPT::equals), told.toString());
      String stream = caller().get("/v1/tasks/" + task + "/events").asString();
      assertTrue(stream.contains("\"order\": \"4711\""), stream);
      await().atMost(LIMIT).until(() -> log.of(task).size() == told.size());
      log.of(task)
          .values()
          .forEach(event -> assertEquals(JSON.valueToTree(KEPT), event.value().get("metadata")));
      for (String header : headers) {
        assertTrue(header.chars().allMatch(c -> c >= ' ' && c < 0x7F), header);
        assertEquals(KEPT, JSON.readValue(header, Map.class));
      }
    } finally {
      receiver.stop(0);
    }
  }

  private static void receive(HttpExchange exchange, List<@Nullable String> headers)
      throws IOException {
    headers.add(exchange.getRequestHeaders().getFirst("tracker-metadata"));
    exchange.getRequestBody().readAllBytes();
    exchange.sendResponseHeaders(200, -1);
    exchange.close();
  }

  @Test
  void comes_by_every_way_in_and_finds_what_came() {
    String legacy = submit(LEGACY, "{\"order\":\"1\",\"env\":\"a b&c\"}", "data.task_id");
    String newer = submit(NEWER, "{\"order\":\"1\",\"env\":\"x\"}", "data.id");
    String tracked =
        caller()
            .body("{\"kind\":\"text2video\",\"metadata\":{\"order\":\"2\",\"env\":\"a b&c\"}}")
            .post("/v1/tasks/track")
            .then()
            .statusCode(200)
            .extract()
            .path("task_id");
    String without = tenant.submit("without-" + UUID.randomUUID());

    assertEquals(List.of(newer, legacy), found("meta.order", "1"));
    assertEquals(List.of(tracked, legacy), found("meta.env", "a b&c"));
    assertEquals(List.of(legacy), found("meta.env", "a b&c", "meta.order", "1"));
    assertEquals(List.of(), found("meta.order", "3"));
    assertEquals(List.of(), found("meta.other", "1"));
    assertEquals(List.of(newer), found("meta.order", "1", "kind", "text-to-video"));
    assertEquals(List.of(tracked), found("meta.order", "2", "status", "queued"));
    caller().get("/v1/tasks/" + without).then().body("metadata", nullValue());
    TestTenant stranger = TestTenant.create();
    stranger.caller().get("/v1/tasks?meta.order=1").then().body("tasks", empty());
  }

  @Test
  void a_list_by_it_is_read_page_by_page() {
    List<String> submitted =
        List.of(
            submit(LEGACY, "{\"env\":\"prod\"}", "data.task_id"),
            submit(LEGACY, "{\"env\":\"prod\"}", "data.task_id"),
            submit(LEGACY, "{\"env\":\"prod\"}", "data.task_id"));
    String cursor =
        caller()
            .get("/v1/tasks?meta.env=prod&limit=2")
            .then()
            .body("tasks.task_id", equalTo(List.of(submitted.get(2), submitted.get(1))))
            .body("next_cursor", notNullValue())
            .extract()
            .path("next_cursor");
    caller()
        .get("/v1/tasks?meta.env=prod&limit=2&cursor=" + cursor)
        .then()
        .body("tasks.task_id", equalTo(List.of(submitted.get(0))))
        .body("next_cursor", nullValue());
  }

  /** It is no part of the request that a key stands for; neither is a priority. */
  @Test
  void a_repeated_request_keeps_what_the_first_brought() {
    String key = "key-" + UUID.randomUUID();
    String first = keyed(key, "{\"order\":\"1\"}");
    assertEquals(first, keyed(key, "{\"order\":\"2\"}"));
    assertEquals(first, keyed(key, "no JSON"));
    caller().get("/v1/tasks/" + first).then().body("metadata", equalTo(Map.of("order", "1")));
    assertEquals(List.of(), found("meta.order", "2"));
  }

  private String keyed(String key, String metadata) {
    return caller()
        .header("Idempotency-Key", key)
        .header(HEADER, metadata)
        .body(CAT)
        .post(LEGACY)
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  @Test
  void a_dry_run_checks_it_and_nothing_of_it_would_go_to_kling() {
    caller()
        .header("Tracker-Dry-Run", "true")
        .header(HEADER, "{\"order\":\"secret-4711\"}")
        .body(CAT)
        .post(LEGACY)
        .then()
        .statusCode(200)
        .body(not(containsString("secret-4711")));
    caller()
        .header("Tracker-Dry-Run", "true")
        .header(HEADER, "{\"order\":4711}")
        .body(CAT)
        .post(LEGACY)
        .then()
        .statusCode(400)
        .body("code", equalTo(1201));
  }

  @ParameterizedTest
  @ValueSource(strings = {LEGACY, NEWER})
  void what_is_none_is_refused_and_nothing_is_stored(String path) throws Exception {
    RawClient raw = new RawClient(base);
    List<List<String>> hostile =
        List.of(
            List.of("x"),
            List.of("[]"),
            List.of("{\"a\":\"b\",\"a\":\"b\"}"),
            List.of("{\"a\":1}"),
            List.of("{\"a\":\"\\u0000\"}"),
            List.of("{\"a\":\"\\ud800\"}"),
            List.of("{\"a\":\"J\u00FCrgen\"}"),
            List.of("{\"" + "k".repeat(41) + "\":\"v\"}"),
            List.of("{\"k\":\"" + "v".repeat(501) + "\"}"),
            List.of(pairs(17)),
            List.of("{\"a\":\"b\"" + " ".repeat(4088) + "}"),
            List.of("{\"a\":\"b\"}", "{\"a\":\"b\"}"));
    for (List<String> values : hostile) {
      List<String> lines = new java.util.ArrayList<>();
      lines.add("Authorization: Bearer " + tenant.apiKey());
      lines.add("Content-Type: application/json");
      values.forEach(value -> lines.add(HEADER + ": " + value));
      RawClient.Answer answer =
          raw.send("POST", path, lines, body(path).getBytes(StandardCharsets.UTF_8));
      assertEquals(400, answer.status(), values + " " + answer.body());
      assertEquals(1201, JSON.readTree(answer.body()).get("code").asInt());
      assertTrue(answer.body().contains(HEADER), answer.body());
    }
    caller().get("/v1/tasks").then().body("tasks", empty());
    submit(path, pairs(16), path.equals(LEGACY) ? "data.task_id" : "data.id");
    caller().get("/v1/tasks").then().body("tasks[0].metadata", aMapWithSize(16));
  }

  private static String pairs(int number) {
    ObjectNode pairs = JSON.createObjectNode();
    for (int i = 0; i < number; i++) {
      pairs.put("k" + i, "v");
    }
    return pairs.toString();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]|metadata",
        "\"x\"|metadata",
        "{\"a\":1}|metadata",
        "{\"a\":null}|metadata",
        "{\"a\":\"b\",\"a\":\"b\"}|",
        "{\"a\":\"\\u0000\"}|metadata",
        "{\"a\":\"\\ud800\"}|metadata",
        "{\"a b\":\"c\"}|metadata",
      })
  void what_is_none_in_the_body_of_track_is_refused(String metadata, @Nullable String named) {
    caller()
        .body("{\"kind\":\"text2video\",\"metadata\":" + metadata + "}")
        .post("/v1/tasks/track")
        .then()
        .statusCode(400)
        .body("detail", containsString(named == null ? "" : named));
    caller().get("/v1/tasks").then().body("tasks", empty());
  }

  @ParameterizedTest
  @CsvSource({
    "meta.=x, 1 to 40 characters",
    "meta.a%20b=x, 1 to 40 characters",
    "meta.a=%00, 500 characters",
    "meta=x, unknown parameter meta",
    "metadata=x, unknown parameter metadata",
  })
  void a_filter_that_finds_nothing_ever_says_so(String query, String why) {
    caller()
        .urlEncodingEnabled(false)
        .get("/v1/tasks?" + query)
        .then()
        .statusCode(400)
        .body("detail", containsString(why));
  }

  @Test
  void other_lists_know_no_such_filter() {
    caller()
        .get("/v1/webhooks/deliveries?meta.order=1")
        .then()
        .statusCode(400)
        .body("detail", containsString("unknown parameter meta.order"));
  }

  private String submit(String path, String metadata, String idAt) {
    return caller()
        .header(HEADER, metadata)
        .body(body(path))
        .post(path)
        .then()
        .statusCode(200)
        .extract()
        .path(idAt);
  }

  private static String body(String path) {
    return path.equals(LEGACY) ? CAT : NEWER_CAT;
  }

  private List<String> found(String... query) {
    RequestSpecification request = caller();
    for (int i = 0; i < query.length; i += 2) {
      request.queryParam(query[i], query[i + 1]);
    }
    return request.get("/v1/tasks").then().statusCode(200).extract().path("tasks.task_id");
  }
}
