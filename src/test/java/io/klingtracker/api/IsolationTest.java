package io.klingtracker.api;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import jakarta.inject.Inject;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A stranger with another tenant's ids and cursors gets what he would get with made-up ones, on
 * every route of the OpenAPI document. A route without a case here fails this test: say what the
 * stranger tries.
 */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class IsolationTest {

  private static final Duration SLOWEST = Duration.ofSeconds(60);
  private static final String RECEIVER = "127.0.0.1:65000";

  /** What the stranger tries. */
  private enum Try {
    /** Each of A's ids in place of %s, against made-up ids: the answers must be the same. */
    IDS,
    /** The answer must have nothing of A's in it. */
    OWN,
    /** Both: A's cursor in place of %s, against a changed one. */
    CURSOR,
    /** A stream begun at A's position must be answered as one begun at a made-up position. */
    STREAM,
    /** A tenant's key is as good as none. */
    ADMIN,
    /** Tells nothing of any tenant, to anybody. */
    OPEN
  }

  private record Case(Try attempt, String url, @Nullable String body) {}

  private static final Map<String, List<Case>> CASES = new TreeMap<>();

  static {
    ids("GET /v1/tasks/{id}", "/v1/tasks/%s");
    ids("GET /v1/tasks/{id}", "/v1/tasks/%s?wait=1&after=0");
    ids("DELETE /v1/tasks/{id}", "/v1/tasks/%s");
    for (String act : List.of("/v1/tasks/erase", "/v1/tasks/cancel")) {
      ids("POST " + act, act, "{\"external_task_ids\":[\"%s\"]}");
    }
    ids("GET /v1/tasks/{id}/timeline", "/v1/tasks/%s/timeline");
    ids("GET /v1/tasks/{id}/callbacks", "/v1/tasks/%s/callbacks");
    ids("GET /v1/tasks/{id}/request", "/v1/tasks/%s/request");
    ids("GET /v1/tasks/{id}/content", "/v1/tasks/%s/content");
    ids("GET /v1/tasks/{id}/content", "/v1/tasks/%s/content?expires=4102444800&signature=x");
    ids("POST /v1/tasks/{id}/content-link", "/v1/tasks/%s/content-link");
    ids("POST /v1/tasks/{id}/check", "/v1/tasks/%s/check");
    ids("GET /v1/tasks/{id}/explain", "/v1/tasks/%s/explain");
    ids("GET /v1/tasks/{id}/events", "/v1/tasks/%s/events");
    ids("POST /v1/tasks/{id}/cancel", "/v1/tasks/%s/cancel");
    add("GET /v1/tasks", Try.OWN, "/v1/tasks?limit=200", null);
    ids("GET /v1/tasks", "/v1/tasks?external_task_id=%s");
    add("GET /v1/tasks", Try.CURSOR, "/v1/tasks?cursor=%s", "/v1/tasks?limit=1");
    add("GET /v1/tasks/export", Try.OWN, "/v1/tasks/export", null);
    add("GET /v1/tasks/export", Try.CURSOR, "/v1/tasks/export?cursor=%s", "/v1/tasks/export");
    ids("POST /v1/tasks/batch", "/v1/tasks/batch", "{\"ids\":[\"%s\"]}");
    add("GET /v1/tasks/counts", Try.OWN, "/v1/tasks/counts", null);
    add("GET /v1/usage", Try.OWN, "/v1/usage?group_by=day,model,key", null);
    add("GET /v1/models", Try.OWN, "/v1/models", null);
    for (String field : List.of("account", "kling_task_id", "external_task_id")) {
      ids(
          "POST /v1/tasks/track",
          "/v1/tasks/track",
          "{\"kind\":\"text2video\",\"" + field + "\":\"%s\"}");
    }
    add("GET /v1/events", Try.OWN, "/v1/events?limit=200", null);
    add("GET /v1/events", Try.CURSOR, "/v1/events?after=%s", "/v1/events?limit=1");
    add("GET /v1/events/stream", Try.STREAM, "/v1/events/stream", null);
    add("GET /v1/webhooks/deliveries", Try.OWN, "/v1/webhooks/deliveries", null);
    ids("GET /v1/webhooks/deliveries", "/v1/webhooks/deliveries?task_id=%s");
    ids("GET /v1/webhooks/deliveries", "/v1/webhooks/deliveries?host=%s");
    String deliveries = "/v1/webhooks/deliveries?cursor=%s";
    add("GET /v1/webhooks/deliveries", Try.CURSOR, deliveries, "/v1/webhooks/deliveries?limit=1");
    ids("GET /v1/webhooks/deliveries/{id}", "/v1/webhooks/deliveries/%s");
    ids("POST /v1/webhooks/deliveries/{id}/redeliver", "/v1/webhooks/deliveries/%s/redeliver");
    add("GET /v1/webhooks/settings", Try.OWN, "/v1/webhooks/settings", null);
    add("PUT /v1/webhooks/settings", Try.OWN, "/v1/webhooks/settings", "{}");
    ids("POST /v1/webhooks/hosts/{host}/resume", "/v1/webhooks/hosts/%s/resume");
    add("GET /v1/webhooks/hosts", Try.OWN, "/v1/webhooks/hosts", null);
    add("GET /v1/webhooks/hosts/events", Try.OWN, "/v1/webhooks/hosts/events", null);
    String hostEvents = "/v1/webhooks/hosts/events?cursor=%s";
    add("GET /v1/webhooks/hosts/events", Try.CURSOR, hostEvents, "/v1/webhooks/hosts/events");
    String since = "{\"since\":\"2020-01-01T00:00:00Z\",\"confirm\":true}";
    add("POST /v1/webhooks/redeliver", Try.OWN, "/v1/webhooks/redeliver", since);
    ids(
        "POST /v1/webhooks/redeliver",
        "/v1/webhooks/redeliver",
        "{\"since\":\"2020-01-01T00:00:00Z\",\"host\":\"%s\",\"confirm\":true}");
    add("POST /v1/webhooks/test", Try.OWN, "/v1/webhooks/test", "{}");
    ids("GET /kling/v1/{path}", "/kling/v1/videos/text2video/%s");
    add("GET /kling/v1/{path}", Try.OWN, "/kling/v1/videos/text2video?pageSize=500", null);
    add("POST /kling/v1/{path}", Try.OWN, "/kling/v1/videos/text2video", "{}");
    ids("GET /kling/tasks", "/kling/tasks?task_ids=%s");
    ids("GET /kling/tasks", "/kling/tasks?external_task_ids=%s");
    add("GET /kling/account/costs", Try.OWN, "/kling/account/costs", null);
    add("POST /kling/tasks", Try.OWN, "/kling/tasks", "{}");
    ids("POST /kling/tasks", "/kling/tasks", "{\"cursor\":\"%s\"}");
    add("POST /kling/text-to-video/{model}", Try.OWN, "/kling/text-to-video/kling-3.0", "{}");
    add("POST /kling/image-to-video/{model}", Try.OWN, "/kling/image-to-video/kling-3.0", "{}");
    add("POST /kling/omni-video/{model}", Try.OWN, "/kling/omni-video/kling-o1", "{}");
    add("POST /kling/motion-control/{model}", Try.OWN, "/kling/motion-control/kling-3.0", "{}");
    ids("POST /callbacks/kling/{task_id}/{token}", "/callbacks/kling/%s/AAAAAAAAAAAAAAAA", "{}");
    for (String open : List.of("/asyncapi.yaml", "/.well-known/webhook-keys", "/schemas/{name}")) {
      add("GET " + open, Try.OPEN, open, null);
    }
  }

  @Inject Jdbi jdbi;

  @TestHTTPResource URI base;

  private TestTenant owner;
  private TestTenant stranger;

  /**
   * A stranger who tracks nothing: the other one gets tasks of those names, which are asked about.
   */
  private TestTenant newcomer;

  private final Map<String, String> ownersIds = new TreeMap<>();

  private static void ids(String route, String url) {
    ids(route, url, null);
  }

  private static void ids(String route, String url, @Nullable String body) {
    add(route, Try.IDS, url, body);
  }

  private static void add(String route, Try attempt, String url, @Nullable String body) {
    CASES.computeIfAbsent(route, name -> new ArrayList<>()).add(new Case(attempt, url, body));
  }

  @BeforeEach
  void an_owner_with_tasks_and_a_stranger() {
    TrackerStack.simulator().clearFaults();
    owner = TestTenant.create();
    stranger = TestTenant.erasing();
    newcomer = TestTenant.create();
    String external = "theirs-" + UUID.randomUUID();
    String task = owner.submit(external);
    String withCallback = submitWithCallback();
    await().atMost(SLOWEST).until(() -> klingTaskId(task) != null);
    String event =
        jdbi.withHandle(
            h ->
                h.createQuery(
                        "select event_id::text from task_event where task_id = :id and sequence = 1")
                    .bind("id", task)
                    .mapTo(String.class)
                    .one());
    ownersIds.put(task, "task_" + "0".repeat(26));
    ownersIds.put(external, "theirs-" + UUID.randomUUID());
    ownersIds.put(
        String.valueOf(klingTaskId(task)),
        "1" + "2".repeat(String.valueOf(klingTaskId(task)).length() - 1));
    ownersIds.put(event, UUID.randomUUID().toString());
    ownersIds.put(RECEIVER, RECEIVER.replace("65000", "65001"));
    await()
        .atMost(SLOWEST)
        .until(
            () ->
                owner
                        .caller()
                        .get("/v1/webhooks/deliveries?task_id=" + withCallback)
                        .<List<String>>path("deliveries.id")
                        .size()
                    >= 2);
    List<String> deliveries =
        owner.caller().get("/v1/webhooks/deliveries?task_id=" + withCallback).path("deliveries.id");
    ownersIds.put(deliveries.get(0), UUID.randomUUID().toString());
    // More than a page of them, so that there is a cursor.
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    insert into webhook_host_event (tenant_id, host, state, reason, at)
                    select :tenant, :host, 'paused', 'status 503', now() from generate_series(1, 101)
                    """)
                .bind("tenant", owner.id())
                .bind("host", RECEIVER)
                .execute());
  }

  /** Nobody listens there: its deliveries stay, and so does what is known of the host. */
  private String submitWithCallback() {
    return owner
        .caller()
        .body(
            "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"callback_url\":\"http://%s/hook\"}"
                .formatted(RECEIVER))
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  /** A page has one cursor, an export one in each line. */
  private static @Nullable String cursorOf(Response answer) {
    String body = answer.asString();
    return answer.contentType().contains("ndjson")
        ? JsonPath.from(body.lines().findFirst().orElseThrow()).getString("cursor")
        : JsonPath.from(body).getString("next_cursor");
  }

  @Test
  void every_route_answers_a_stranger_as_if_the_ids_did_not_exist() {
    Set<String> untold = new TreeSet<>();
    List<String> leaks = new ArrayList<>();
    for (String route : routes()) {
      List<Case> cases = cases(route);
      if (cases.isEmpty()) {
        untold.add(route);
      }
      String method = route.substring(0, route.indexOf(' '));
      cases.forEach(tried -> check(method, tried, leaks));
    }
    assertEquals(Set.of(), untold, "routes without a case in this test");
    assertEquals(List.of(), leaks);
  }

  @Test
  void no_route_but_the_open_ones_answers_without_a_key() {
    List<String> answered = new ArrayList<>();
    for (String route : routes()) {
      List<Case> cases = CASES.getOrDefault(route, List.of());
      boolean open = cases.stream().anyMatch(tried -> tried.attempt() == Try.OPEN);
      String path = route.substring(route.indexOf(' ') + 1);
      if (!open && !path.startsWith("/callbacks/")) {
        int status =
            given()
                .contentType(ContentType.JSON)
                .request(route.substring(0, route.indexOf(' ')), path.replaceAll("\\{[^}]*}", "x"))
                .statusCode();
        if (status != 401) {
          answered.add(route + " answers " + status);
        }
      }
    }
    assertEquals(List.of(), answered);
  }

  /**
   * Administrators' routes and those of Kling's kinds are many and alike; the others are listed.
   */
  private static List<Case> cases(String route) {
    String path = route.substring(route.indexOf(' ') + 1);
    if (path.startsWith("/admin/")) {
      return List.of(new Case(Try.ADMIN, path, null));
    }
    if (path.startsWith("/kling/v1/") && !CASES.containsKey(route)) {
      return path.endsWith("/{id}")
          ? List.of(new Case(Try.IDS, path.replace("{id}", "%s"), null))
          : List.of(new Case(Try.OWN, path, "{}"));
    }
    return CASES.getOrDefault(route, List.of());
  }

  private void check(String method, Case tried, List<String> leaks) {
    switch (tried.attempt()) {
      case IDS ->
          ownersIds.forEach(
              (theirs, madeUp) ->
                  same(
                      method + " " + tried.url(),
                      ask(method, tried, theirs),
                      ask(method, tried, madeUp),
                      leaks));
      case OWN -> {
        String answer = ask(method, tried, "");
        for (String theirs : List.of(owner.id(), owner.keyId(), owner.apiKey())) {
          if (answer.contains(theirs)) {
            leaks.add(method + " " + tried.url() + " shows " + theirs);
          }
        }
        ownersIds.keySet().stream()
            .filter(answer::contains)
            .forEach(theirs -> leaks.add(method + " " + tried.url() + " shows " + theirs));
      }
      case CURSOR -> {
        String cursor = cursorOf(owner.caller().get(String.valueOf(tried.body())));
        assertTrue(cursor != null && cursor.length() > 20, "no cursor from " + tried.body());
        String changed = cursor.substring(0, cursor.length() - 3) + "AAA";
        Case get = new Case(Try.CURSOR, tried.url(), null);
        same(
            method + " " + tried.url(), ask(method, get, cursor), ask(method, get, changed), leaks);
        int own = owner.caller().get(tried.url().formatted(cursor)).statusCode();
        assertEquals(200, own, tried.url() + " with its own cursor");
      }
      case STREAM -> {
        for (Map.Entry<String, String> id : ownersIds.entrySet()) {
          same(
              method + " " + tried.url(),
              opened(tried.url(), id.getKey()),
              opened(tried.url(), id.getValue()),
              leaks);
        }
      }
      case ADMIN -> {
        int status =
            stranger
                .caller()
                .request(method, tried.url().replaceAll("\\{[^}]*}", owner.id()))
                .statusCode();
        if (status != 401) {
          leaks.add(method + " " + tried.url() + " answers a tenant's key with " + status);
        }
      }
      case OPEN -> {}
    }
  }

  /** Status and body, without what differs from request to request. */
  private String ask(String method, Case tried, String id) {
    String body = tried.body() == null ? "" : tried.body().replace("%s", id);
    var request = (tried.url().endsWith("/check") ? newcomer : stranger).caller();
    var answer =
        (method.equals("GET") ? request : request.body(body))
            .urlEncodingEnabled(false)
            .request(method, tried.url().replace("%s", id));
    String text = answer.asString();
    assertFalse(answer.statusCode() >= 500, method + " " + tried.url() + ": " + text);
    String without = id.isEmpty() ? text : text.replace(id, "ID");
    if (tried.url().equals("/v1/tasks/track")) {
      // What is tracked gets an id and a URL of its own, each time.
      without = without.replaceAll("task_[0-9a-z]{26}(/[A-Za-z0-9_-]{32})?", "OWN");
    }
    return answer.statusCode()
        + " "
        + (tried.attempt() == Try.OWN
            ? text
            : without.replaceAll("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"));
  }

  /** The status with which a stream opens; the stream itself has no end. */
  private String opened(String url, String lastEventId) {
    try {
      HttpResponse<InputStream> answer =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(base.resolve(url))
                      .header("Authorization", "Bearer " + stranger.apiKey())
                      .header("Last-Event-ID", lastEventId)
                      .timeout(Duration.ofSeconds(10))
                      .build(),
                  HttpResponse.BodyHandlers.ofInputStream());
      try (InputStream body = answer.body()) {
        return answer.statusCode() == 200
            ? "200"
            : answer.statusCode()
                + new String(body.readAllBytes(), StandardCharsets.UTF_8)
                    .replace(lastEventId, "ID")
                    .replaceAll("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID");
      }
    } catch (IOException e) {
      return "no answer";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }

  private static void same(String what, String theirs, String madeUp, List<String> leaks) {
    if (!theirs.equals(madeUp)) {
      leaks.add(what + ": " + theirs + " is not " + madeUp);
    }
  }

  private @Nullable String klingTaskId(String task) {
    return owner.caller().get("/v1/tasks/" + task).path("kling_task_id");
  }

  private static Set<String> routes() {
    Map<String, Map<String, Object>> paths =
        given()
            .accept(ContentType.JSON)
            .get("/q/openapi?format=json")
            .then()
            .statusCode(200)
            .extract()
            .path("paths");
    Set<String> routes = new TreeSet<>();
    paths.forEach(
        (path, operations) ->
            operations.keySet().stream()
                .filter(
                    Set.of("get", "put", "post", "delete", "patch", "head", "options")::contains)
                .forEach(method -> routes.add(method.toUpperCase(Locale.ROOT) + " " + path)));
    return routes;
  }
}
