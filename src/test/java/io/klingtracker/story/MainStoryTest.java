package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.simulator.Ledger;
import io.klingtracker.testing.EventLog;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The main job: submit, persist, dispatch, callback, event, query. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class MainStoryTest {

  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final String KEY = "test-api-key-0001";
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @BeforeEach
  void a_simulator_without_faults() {
    TrackerStack.simulator().clearFaults();
  }

  @Test
  void a_task_goes_from_submission_to_succeed_with_its_events_on_kafka() {
    String external = "shot-" + UUID.randomUUID();
    Response created =
        caller()
            .body(
                "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"external_task_id\":\"%s\"}"
                    .formatted(external))
            .post(CREATE);
    created
        .then()
        .statusCode(200)
        .body("code", equalTo(0))
        .body("message", equalTo("SUCCEED"))
        .body("request_id", notNullValue())
        .body("data.task_id", matchesPattern("task_[0-9a-z]{26}"))
        .body("data.task_status", equalTo("submitted"))
        .body("data.task_info.external_task_id", equalTo(external));
    String id = created.path("data.task_id");

    awaitStatus(id, "succeed");

    caller()
        .get(CREATE + "/" + external)
        .then()
        .statusCode(200)
        .body("data.task_id", equalTo(id))
        .body("data.task_status", equalTo("succeed"))
        .body("data.task_result.videos[0].url", containsString("http"));
    caller()
        .get("/v1/tasks/" + id)
        .then()
        .body("account", equalTo("default"))
        .body("kling_task_id", matchesPattern("[0-9]{18,19}"))
        .body("finished_at", notNullValue())
        .body("result_expires_at", notNullValue());
    Response timeline = caller().get("/v1/tasks/" + id + "/timeline");
    timeline.then().body("entries.findAll{it.applied}.sequence", hasItem(1));

    try (EventLog log = new EventLog(TrackerStack.kafkaBootstrapServers())) {
      await().atMost(LIMIT).ignoreExceptions().until(() -> log.statuses(id).contains("succeed"));
      Map<Integer, EventLog.Event> events = log.of(id);
      assertEquals(
          IntStream.rangeClosed(1, events.size()).boxed().toList(), List.copyOf(events.keySet()));
      assertEquals("queued", log.statuses(id).get(0));
      assertEquals(1, events.values().stream().map(EventLog.Event::partition).distinct().count());
      events.forEach(
          (sequence, event) -> {
            Map<String, String> headers = event.headers();
            assertEquals("1.0", headers.get("ce_specversion"));
            assertEquals(event.value().get("event_id").asText(), headers.get("ce_id"));
            assertEquals("kling.task.status-changed.v1", headers.get("ce_type"));
            assertEquals("/kling-task-tracker", headers.get("ce_source"));
            assertEquals(id, headers.get("ce_subject"));
            assertEquals(sequence.toString(), headers.get("ce_sequence"));
            assertEquals(external, event.value().get("external_task_id").asText());
            assertTrue(headers.get("traceparent").matches("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]"));
          });
    }
  }

  @Test
  void what_the_caller_sent_reaches_kling_with_our_id_and_callback_url() {
    String external = "own-" + UUID.randomUUID();
    String id =
        submit(
            "{\"prompt\":\"x\",\"model_name\":\"kling-v3\",\"external_task_id\":\"%s\"}"
                .formatted(external));
    awaitStatus(id, "succeed");

    List<Ledger.Create> creates = TrackerStack.simulator().creates(id);
    assertEquals(1, creates.size());
    assertTrue(creates.get(0).callbackUrl().contains("/callbacks/kling/" + id + "/"));
    assertEquals("kling-v3", creates.get(0).model());
    assertEquals(0, TrackerStack.simulator().creates(external).size());
  }

  @Test
  void a_retry_with_the_same_key_gets_the_same_answer() {
    String key = UUID.randomUUID().toString();
    String body = "{\"model_name\":\"kling-v3\",\"prompt\":\"once\"}";
    Response first = caller().header("Idempotency-Key", key).body(body).post(CREATE);
    Response second = caller().header("Idempotency-Key", key).body(body).post(CREATE);

    assertEquals(first.asString(), second.asString());
    assertEquals("true", second.header("Idempotent-Replayed"));
    caller()
        .header("Idempotency-Key", key)
        .body(body.replace("once", "twice"))
        .post(CREATE)
        .then()
        .statusCode(422)
        .body("code", equalTo(1201));
  }

  @Test
  void fifty_at_once_with_one_key_make_one_task() throws Exception {
    String key = UUID.randomUUID().toString();
    ExecutorService threads = Executors.newFixedThreadPool(16);
    try {
      List<Callable<String>> calls = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        calls.add(
            () ->
                caller()
                    .header("Idempotency-Key", key)
                    .body("{\"model_name\":\"kling-v3\",\"prompt\":\"crowd\"}")
                    .post(CREATE)
                    .then()
                    .statusCode(200)
                    .extract()
                    .path("data.task_id"));
      }
      Set<String> ids = new HashSet<>();
      for (Future<String> answer : threads.invokeAll(calls)) {
        ids.add(answer.get());
      }
      assertEquals(1, ids.size());
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void a_used_external_id_is_refused_in_klings_words() {
    String external = "dup-" + UUID.randomUUID();
    String body =
        "{\"model_name\":\"kling-v3\",\"prompt\":\"x\",\"external_task_id\":\"%s\"}"
            .formatted(external);
    submit(body);

    caller()
        .body(body)
        .post(CREATE)
        .then()
        .statusCode(400)
        .body("code", equalTo(1201))
        .body("message", equalTo("External_task_id " + external + " already exists"));
  }

  @Test
  void bad_input_gets_klings_error_and_stores_nothing() {
    String marker = "m" + UUID.randomUUID();
    given().body("{}").post(CREATE).then().statusCode(401).body("code", equalTo(1001));
    given()
        .header("Authorization", "Bearer sk-nobody")
        .body("{}")
        .post(CREATE)
        .then()
        .statusCode(401)
        .body("code", equalTo(1002))
        .body("request_id", notNullValue());
    caller().body("not json").post(CREATE).then().statusCode(400).body("code", equalTo(1201));
    caller()
        .body("{\"model_name\":\"kling-v3\",\"external_task_id\":\"" + marker + "\"}")
        .post(CREATE)
        .then()
        .statusCode(400)
        .body("code", equalTo(1201))
        .body("message", containsString("prompt"));
    byte[] huge = ("{\"prompt\":\"" + "x".repeat(1 << 20) + "\"}").getBytes(StandardCharsets.UTF_8);
    caller().body(huge).post(CREATE).then().statusCode(413).body("code", equalTo(1201));
    caller()
        .get("/v1/tasks?external_task_id=" + marker)
        .then()
        .statusCode(200)
        .body("tasks", hasSize(0))
        .body("next_cursor", nullValue());
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /kling/v1/videos/text2video/nobody, 400, 1201",
    "GET, /kling/v1/videos/nothing, 404, 1202",
    "POST, /kling/v1/videos/nothing, 404, 1202",
    "GET, /kling/v1/videos/text2video?pageNum=0, 400, 1201",
    "GET, /kling/v1/videos/text2video?pageSize=501, 400, 1201",
  })
  void what_does_not_exist_is_refused_as_kling_refuses_it(
      String method, String path, int status, int code) {
    caller().body("{}").request(method, path).then().statusCode(status).body("code", equalTo(code));
  }

  @Test
  void the_native_api_answers_problems() {
    caller()
        .get("/v1/tasks/nobody")
        .then()
        .statusCode(404)
        .contentType("application/problem+json")
        .body("code", equalTo("task-not-found"))
        .body("status", equalTo(404));
  }

  @Test
  void a_list_pages_newest_first_without_gap_or_repeat() {
    String model = "kling-v2-6";
    List<String> submitted = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      submitted.add(0, submit("{\"model_name\":\"" + model + "\",\"prompt\":\"page " + i + "\"}"));
    }
    List<String> paged = new ArrayList<>();
    String cursor = null;
    do {
      RequestSpecification request = caller().queryParam("model", model).queryParam("limit", 2);
      Response page =
          (cursor == null ? request : request.queryParam("cursor", cursor)).get("/v1/tasks");
      page.then().statusCode(200).body("tasks.model", everyItem(equalTo(model)));
      paged.addAll(page.path("tasks.task_id"));
      cursor = page.path("next_cursor");
    } while (cursor != null);

    assertEquals(submitted, paged.subList(0, 5));
    assertEquals(paged.size(), new HashSet<>(paged).size());
  }

  private static void awaitStatus(String id, String status) {
    await()
        .atMost(LIMIT)
        .pollInterval(Duration.ofMillis(100))
        .untilAsserted(
            () -> caller().get("/v1/tasks/" + id).then().body("status", equalTo(status)));
  }

  private static String submit(String body) {
    return caller().body(body).post(CREATE).then().statusCode(200).extract().path("data.task_id");
  }

  private static RequestSpecification caller() {
    return given().header("Authorization", "Bearer " + KEY).contentType("application/json");
  }
}
