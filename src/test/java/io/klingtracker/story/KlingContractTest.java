package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Example;
import io.klingtracker.catalog.SyncPath;
import io.klingtracker.simulator.Ledger;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.io.ByteArrayInputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Kling's contract over HTTP: every kind, both generations, dry run, and what is refused. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class KlingContractTest {

  private static final String T2V = "/kling/v1/videos/text2video";

  @BeforeEach
  void a_simulator_without_faults() {
    TrackerStack.simulator().clearFaults();
  }

  static List<Example> examples() {
    return Example.all();
  }

  @ParameterizedTest
  @MethodSource("examples")
  void an_example_of_the_document_is_accepted(Example example) {
    // Examples name ids of their own; each run needs fresh ones.
    String body =
        example
            .body()
            .replace("lighthouse-1", "e" + UUID.randomUUID())
            .replace("boat-1", "e" + UUID.randomUUID());

    Response created = caller().body(body).post("/kling/" + example.path());

    created.then().statusCode(200).body("code", equalTo(0)).body("message", equalTo("SUCCEED"));
    String id = created.path(example.pathModel() == null ? "data.task_id" : "data.id");
    caller()
        .get("/v1/tasks/" + id)
        .then()
        .statusCode(200)
        .body("kind", equalTo(example.kind().name()));
  }

  @Test
  void the_document_describes_every_body_with_its_limits_and_examples() {
    JsonPath document = given().get("/q/openapi?format=json").then().extract().jsonPath();

    for (Example example : Example.all()) {
      String path =
          example.pathModel() == null
              ? "/kling/" + example.path()
              : "/kling/" + example.kind().path() + "/{model}";
      String body = "paths.'" + path + "'.post.requestBody.content.'application/json'";
      List<Object> values = document.getList(body + ".examples.values().collect{it.value}");
      assertTrue(
          values.contains(new JsonPath(example.body()).get("$")),
          () -> path + " lacks " + example.body());
      assertEquals("object", document.getString(body + ".schema.type"), path);
    }
    String text2video =
        "paths.'/kling/v1/videos/text2video'.post.requestBody.content.'application/json'.schema";
    assertEquals(2500, document.getInt(text2video + ".properties.prompt.maxLength"));
    assertEquals(6, document.getInt(text2video + ".properties.multi_prompt.maxItems"));
    assertEquals(
        List.of("std", "pro", "4k"), document.getList(text2video + ".properties.mode.enum"));
  }

  @Test
  void the_document_describes_the_target_of_kling_s_callbacks() {
    String route = "paths.'/callbacks/kling/{task_id}/{token}'.post";
    JsonPath document = given().get("/q/openapi?format=json").then().extract().jsonPath();

    assertEquals(
        List.of("task_id", "token", "webhook-id", "webhook-timestamp", "webhook-signature"),
        document.getList(route + ".parameters.name"));
    assertEquals(
        Set.of("200", "400", "401", "408", "413", "429", "503"),
        document.getMap(route + ".responses").keySet());
  }

  @Test
  void answers_have_the_keys_of_recorded_ones_in_their_order() {
    String own =
        caller()
            .body(
                "{\"model_name\":\"kling-v3\",\"prompt\":\"a\",\"external_task_id\":\"r%s\"}"
                    .formatted(UUID.randomUUID()))
            .post(T2V)
            .asString();
    String none =
        caller().body("{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}").post(T2V).asString();
    String error = caller().get(T2V + "/nobody").asString();

    String head = "\\{\"code\":0,\"message\":\"SUCCEED\",\"request_id\":\"[0-9a-f-]{36}\",";
    String task = "\"data\":\\{\"task_id\":\"task_[0-9a-z]{26}\",\"task_status\":\"submitted\",";
    String times = "\"created_at\":([0-9]{13}),\"updated_at\":\\1}}";
    assertTrue(
        own.matches(
            head + task + "\"task_info\":\\{\"external_task_id\":\"r[0-9a-f-]+\"}," + times),
        own);
    assertTrue(none.matches(head + task + "\"task_info\":\\{}," + times), none);
    assertTrue(
        error.matches(
            "\\{\"code\":1201,\"message\":\"Task not found by id/external id: nobody\","
                + "\"request_id\":\"[0-9a-f-]{36}\"}"),
        error);
  }

  @Test
  void a_newer_task_is_made_and_asked_for_in_its_own_shapes() {
    String external = "n" + UUID.randomUUID();
    Response created =
        caller()
            .body(
                "{\"prompt\":\"a\",\"settings\":{\"duration\":3},\"options\":{\"external_task_id\":\"%s\"}}"
                    .formatted(external))
            .post("/kling/text-to-video/kling-3.0");
    created
        .then()
        .statusCode(200)
        .body("data.status", equalTo("submitted"))
        .body("data.external_id", equalTo(external))
        .body("data.create_time", notNullValue());
    String id = created.path("data.id");

    await()
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(100))
        .untilAsserted(
            () ->
                caller()
                    .get("/kling/tasks?task_ids=" + id)
                    .then()
                    .statusCode(200)
                    .body("data[0].status", equalTo("succeeded")));
    caller()
        .get("/kling/tasks?external_task_ids=nobody," + external)
        .then()
        .body("data", hasSize(1))
        .body("data[0].id", equalTo(id))
        .body("data[0].outputs[0].type", equalTo("video"))
        .body("data[0].outputs[0].url", startsWith("http"))
        .body("data[0].billing[0].charge_type", equalTo("unit"));
    caller()
        .get("/v1/tasks/" + id)
        .then()
        .body("kind", equalTo("text-to-video"))
        .body("model", equalTo("kling-3.0"))
        .body("status", equalTo("succeed"))
        .body("units_expected", equalTo(1.8f));
    List<Ledger.Create> creates = TrackerStack.simulator().creates(id);
    assertEquals(1, creates.size());
    assertEquals("/text-to-video", creates.get(0).path());
  }

  @Test
  void the_newer_list_goes_by_cursor_over_tasks_of_both_generations() {
    String first = submit("{\"model_name\":\"kling-v3\",\"prompt\":\"list\"}");
    String second = submit("{\"model_name\":\"kling-v3\",\"prompt\":\"list\"}");

    Response page = caller().body("{\"limit\":1}").post("/kling/tasks");
    page.then()
        .statusCode(200)
        .body("data.count", equalTo(1))
        .body("data.has_more", equalTo(true))
        .body("data.result[0].id", equalTo(second));
    caller()
        .body("{\"limit\":1,\"cursor\":\"" + page.path("data.next_cursor") + "\"}")
        .post("/kling/tasks")
        .then()
        .body("data.result[0].id", equalTo(first));
    caller()
        .body("{\"limit\":5,\"filters\":[{\"key\":\"product_type\",\"values\":[\"none\"]}]}")
        .post("/kling/tasks")
        .then()
        .body("data.count", equalTo(0));
    caller()
        .body("{\"start_time\":\"1\",\"end_time\":2}")
        .post("/kling/tasks")
        .then()
        .body("data.has_more", equalTo(false))
        .body("data.result", hasSize(0));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          GET  | /kling/tasks                                  | exactly one
          GET  | /kling/tasks?task_ids=a&external_task_ids=b   | exactly one
          GET  | /kling/tasks?task_ids=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21 | cannot exceed 20 in total
          """)
  void a_newer_query_that_makes_no_sense_is_refused(String method, String path, String word) {
    caller()
        .request(method, path)
        .then()
        .statusCode(400)
        .body("code", equalTo(1201))
        .body("message", containsString(word));
  }

  @Test
  void a_dry_run_says_what_would_be_sent_and_stores_nothing() {
    String external = "dry" + UUID.randomUUID();
    caller()
        .header("Tracker-Dry-Run", "true")
        .body(
            "{\"model_name\":\"kling-v3\",\"prompt\":\"a\",\"duration\":10,\"cfg_scale\":0.50,"
                + "\"external_task_id\":\""
                + external
                + "\"}")
        .post(T2V)
        .then()
        .statusCode(200)
        .body("code", equalTo(0))
        .body("data.upstream_body.model_name", equalTo("kling-v3"))
        .body("data.upstream_body.duration", equalTo("10"))
        .body("data.upstream_body.external_task_id", equalTo("{task_id}"))
        .body("data.account", equalTo("default"))
        .body("data.family", equalTo("video"))
        .body("data.slots", equalTo(1))
        .body("data.units", equalTo(6))
        .body("data.cost.units", equalTo(6))
        .body("data.cost.amount", equalTo(0.84f))
        .body("data.cost.currency", equalTo("USD"))
        .body("data.cost.state", equalTo("expected"))
        .body("data.warnings", hasItem(containsString("cfg_scale")));
    caller().get("/v1/tasks?external_task_id=" + external).then().body("tasks", hasSize(0));
    caller()
        .header("Tracker-Dry-Run", "yes")
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}")
        .post(T2V)
        .then()
        .statusCode(400);
  }

  @Test
  void the_models_are_listed_with_what_they_accept() {
    caller()
        .get("/v1/models")
        .then()
        .statusCode(200)
        .body("models.name", hasItem("kling-v3"))
        .body("models.find{it.name=='kling-v1'}.discontinued", equalTo(true))
        .body(
            "models.find{it.name=='kling-v3'}.accepts.find{it.kind=='text2video'}.fields.prompt.maxLength",
            equalTo(2500));
  }

  static List<SyncPath> simulated() {
    return Catalog.current().sync().stream()
        .filter(p -> !p.path().contains("elements") && !p.isRead())
        .toList();
  }

  @ParameterizedTest
  @MethodSource("simulated")
  void a_synchronous_path_is_answered_at_once_and_makes_no_task(SyncPath path) {
    caller()
        .body("{\"text\":\"a\",\"voice_id\":\"1\",\"video_id\":\"1\",\"image\":\"aGk=\"}")
        .post("/kling/v1/" + path.path())
        .then()
        .statusCode(200)
        .body("code", equalTo(0));
    given().body("{}").post("/kling/v1/" + path.path()).then().statusCode(401);
    caller().body("{").post("/kling/v1/" + path.path()).then().statusCode(400);
  }

  @Test
  void a_discontinued_model_is_refused_in_kling_s_words() {
    caller()
        .body("{\"model_name\":\"kling-v1\",\"prompt\":\"a\"}")
        .post(T2V)
        .then()
        .statusCode(400)
        .body(
            "message",
            equalTo("The model 'kling-v1' has been discontinued and is no longer available."));
  }

  @ParameterizedTest
  @CsvSource({
    "POST, /kling/v1/videos/text3video, 404, 1202",
    "POST, /kling/v1/text-to-video, 404, 1202",
    "GET, /kling/v1/text-to-video/x, 404, 1202",
    "GET, /kling/v1/audio/tts, 404, 1202",
    "POST, /kling/v1/general/presets-voices, 404, 1202",
    "GET, /kling/v1/general/presets-voices?pageSize=1001, 400, 1201",
    "POST, /kling/sky-video/kling-3.0, 404, 1202",
    "POST, /kling/account/costs, 404, 1202",
    "POST, /kling/videos/text2video, 404, 1202",
    "GET, /kling/nothing, 404, 1202",
    "DELETE, /kling/v1/videos/text2video, 404, 1202",
    "POST, /kling/text-to-video/kling-9, 404, 1203",
    "GET, /kling/v1/videos/text2video?pageNum=1001, 400, 1201",
    "GET, /kling/v1/videos/text2video?pageNum=x, 400, 1201",
    "GET, /kling/v1/videos/text2video?pageSize=0, 400, 1201",
    "GET, /kling/v1/general/custom-voices?pageSize=1001, 400, 1201",
    "GET, /kling/v1/general/custom-voices?pageSize=1000, 200, 0",
    "GET, /kling/v1/videos/text2video?pageNum=1000&pageSize=500, 200, 0",
  })
  void paths_and_ranges_are_kling_s(String method, String path, int status, int code) {
    caller()
        .body("{\"prompt\":\"a\"}")
        .request(method, path)
        .then()
        .statusCode(status)
        .body("code", equalTo(code));
  }

  @Test
  void an_unknown_model_does_not_exist() {
    caller()
        .body("{\"model_name\":\"kling-v3-0\",\"prompt\":\"a\"}")
        .post(T2V)
        .then()
        .statusCode(404)
        .body("code", equalTo(1203))
        .body("message", containsString("kling-v3-0"));
  }

  static List<byte[]> evil() {
    String deep = "{\"prompt\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
    String wide =
        IntStream.range(0, 50_000)
            .mapToObj(i -> "\"k" + i + "\":0")
            .collect(Collectors.joining(",", "{", "}"));
    return List.of(
        "".getBytes(StandardCharsets.UTF_8),
        "{".getBytes(StandardCharsets.UTF_8),
        "[]".getBytes(StandardCharsets.UTF_8),
        "{\"prompt\":\"a\",\"prompt\":\"b\"}".getBytes(StandardCharsets.UTF_8),
        "{\"prompt\":1e999}".getBytes(StandardCharsets.UTF_8),
        new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'},
        deep.getBytes(StandardCharsets.UTF_8),
        wide.getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @MethodSource("evil")
  void an_evil_body_is_refused(byte[] body) {
    caller().body(body).post(T2V).then().statusCode(400).body("code", equalTo(1201));
  }

  @ParameterizedTest
  @CsvSource({
    "/kling/v1/videos/image2video, 33554433, true",
    "/kling/image-to-video/kling-3.0, 33554433, true",
    "/kling/v1/videos/text2video, 1048577, false"
  })
  void a_body_that_says_it_is_huge_is_refused_unread(String path, long bytes, boolean media)
      throws Exception {
    URI base = URI.create(RestAssured.baseURI + ":" + RestAssured.port);
    try (Socket socket = new Socket(base.getHost(), base.getPort())) {
      socket.setSoTimeout(10_000);
      String head =
          "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-api-key-0001\r\n"
              + "Content-Length: %d\r\n\r\n";
      socket
          .getOutputStream()
          .write(head.formatted(path, bytes).getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);

      assertTrue(answer.startsWith("HTTP/1.1 413 "), answer);
      assertTrue(answer.contains("\"code\":1201"), answer);
      // What can be given by URL is small.
      assertEquals(media, answer.contains("by URL"), answer);
    }
  }

  @Test
  void a_body_that_hides_its_length_is_read_no_further_than_its_limit() throws Exception {
    HttpResponse<String> answer =
        post(
            T2V,
            HttpRequest.BodyPublishers.ofInputStream(
                () -> new ByteArrayInputStream(new byte[3 << 20])));

    assertEquals(413, answer.statusCode());
    assertTrue(answer.body().contains("\"code\":1201"), answer.body());
    assertTrue(answer.body().contains("1048576"), answer.body());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void a_body_that_waits_for_a_word_gets_it(boolean waits) throws Exception {
    HttpResponse<String> answer =
        post(
            T2V,
            HttpRequest.BodyPublishers.ofString("{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}"),
            waits);

    assertEquals(200, answer.statusCode(), answer.body());
  }

  @Test
  void bodies_on_their_way_hold_up_nobody() throws Exception {
    URI base = URI.create(RestAssured.baseURI + ":" + RestAssured.port);
    List<Socket> slow = new ArrayList<>();
    try {
      for (int i = 0; i < 100; i++) {
        Socket socket = new Socket(base.getHost(), base.getPort());
        slow.add(socket);
        String begun =
            "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-api-key-0001\r\n"
                + "Content-Length: 100\r\n\r\n{";
        socket.getOutputStream().write(begun.formatted(T2V).getBytes(StandardCharsets.UTF_8));
      }

      caller().body("{}").post(T2V).then().statusCode(400);

      Socket first = slow.get(0);
      first.setSoTimeout(10_000);
      first.getOutputStream().write("}".concat(" ".repeat(98)).getBytes(StandardCharsets.UTF_8));
      byte[] line = first.getInputStream().readNBytes(12);
      assertEquals("HTTP/1.1 400", new String(line, StandardCharsets.UTF_8));
    } finally {
      for (Socket socket : slow) {
        socket.close();
      }
    }
  }

  @Test
  void a_picture_of_ten_megabytes_is_taken_where_pictures_are() throws Exception {
    String picture = "a".repeat(13 << 20);
    HttpResponse<String> answer =
        post(
            "/kling/v1/videos/image2video",
            HttpRequest.BodyPublishers.ofString(
                "{\"model_name\":\"kling-v3\",\"mode\":\"x\",\"image\":\"" + picture + "\"}"));

    assertEquals(400, answer.statusCode());
    assertTrue(answer.body().contains("mode value 'x'"), answer.body());
  }

  private static HttpResponse<String> post(String path, HttpRequest.BodyPublisher body)
      throws Exception {
    return post(path, body, false);
  }

  private static HttpResponse<String> post(
      String path, HttpRequest.BodyPublisher body, boolean waits) throws Exception {
    URI uri = URI.create(RestAssured.baseURI + ":" + RestAssured.port + path);
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(uri)
                .version(waits ? HttpClient.Version.HTTP_1_1 : HttpClient.Version.HTTP_2)
                .timeout(Duration.ofSeconds(30))
                .expectContinue(waits)
                .header("Authorization", "Bearer test-api-key-0001")
                .header("Content-Type", "application/json")
                .POST(body)
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void a_caller_s_own_id_may_hold_a_slash() {
    String external = "a/" + UUID.randomUUID();
    submit(
        "{\"model_name\":\"kling-v3\",\"prompt\":\"a\",\"external_task_id\":\"%s\"}"
            .formatted(external));

    caller()
        .urlEncodingEnabled(false)
        .get(T2V + "/" + external)
        .then()
        .statusCode(200)
        .body("data.task_info.external_task_id", equalTo(external));
  }

  private static String submit(String body) {
    return caller()
        .body(body)
        .post(T2V)
        .then()
        .statusCode(200)
        .body("data.task_id", matchesPattern("task_[0-9a-z]{26}"))
        .extract()
        .path("data.task_id");
  }

  private static RequestSpecification caller() {
    return given()
        .header("Authorization", "Bearer test-api-key-0001")
        .contentType("application/json");
  }
}
