package io.klingtracker.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KlingSimulatorTest {

  private static final String PATH = "/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";

  private KlingSimulator simulator;
  private SimulatorClient control;
  private Caller caller;

  @BeforeEach
  void start() {
    simulator = new KlingSimulator(Caller.settings().slots(5)).start();
    control = new SimulatorClient(simulator.controlUrl());
    caller = new Caller(simulator);
  }

  @AfterEach
  void stop() {
    simulator.close();
  }

  @Test
  void create_answers_as_captured() throws Exception {
    HttpResponse<String> answer =
        caller.post(
            PATH, "{\"model_name\":\"kling-v3\",\"prompt\":\"a\",\"external_task_id\":\"mine\"}");

    JsonNode body = json(answer);
    assertEquals(200, answer.statusCode());
    assertEquals(List.of("code", "message", "request_id", "data"), keys(body));
    assertEquals(
        List.of("task_id", "task_status", "task_info", "created_at", "updated_at"),
        keys(body.get("data")));
    assertEquals(0, body.get("code").asInt());
    assertEquals("SUCCEED", body.get("message").asText());
    assertEquals(4, UUID.fromString(body.get("request_id").asText()).version());
    assertEquals("submitted", body.at("/data/task_status").asText());
    assertEquals("{\"external_task_id\":\"mine\"}", body.at("/data/task_info").toString());
    assertEquals(body.at("/data/created_at"), body.at("/data/updated_at"));
    long id = Long.parseLong(body.at("/data/task_id").textValue());
    assertEquals(body.at("/data/created_at").asLong(), (id >> 22) + 1568028518780L);
  }

  @Test
  void task_info_is_an_empty_object_without_an_external_id() throws Exception {
    assertEquals("{}", json(caller.post(PATH, BODY)).at("/data/task_info").toString());
  }

  @Test
  void is_asked_by_either_id_on_the_same_route() throws Exception {
    JsonNode created = json(caller.post(PATH, "{\"prompt\":\"a\",\"external_task_id\":\"mine\"}"));
    String id = created.at("/data/task_id").asText();

    assertEquals(id, json(caller.get(PATH + "/mine")).at("/data/task_id").asText());
    JsonNode data = json(caller.get(PATH + "/" + id)).get("data");
    assertEquals("{}", data.get("task_result").toString());
    assertEquals("submitted", data.get("task_status").asText());
    assertEquals("", data.get("task_status_msg").asText());
  }

  @Test
  void a_finished_task_has_a_video_with_units_and_a_url_of_thirty_days() throws Exception {
    String id = json(caller.post(PATH, BODY)).at("/data/task_id").asText();
    control.finish(id, "succeed", "");

    JsonNode data = json(caller.get(PATH + "/" + id)).get("data");
    assertEquals("succeed", data.get("task_status").asText());
    assertEquals("3", data.get("final_unit_deduction").textValue());
    JsonNode video = data.at("/task_result/videos/0");
    assertEquals(List.of("id", "url", "duration"), keys(video));
    assertEquals("5.042", video.get("duration").textValue());
    long expires = data.get("updated_at").asLong() / 1000 + 2_592_000;
    assertTrue(video.get("url").asText().contains("Expires=" + expires), video.toString());
  }

  @Test
  void the_result_is_an_mp4_that_plays_by_range() throws Exception {
    String id = json(caller.post(PATH, BODY)).at("/data/task_id").asText();
    control.finish(id, "succeed", "");
    String url = json(caller.get(PATH + "/" + id)).at("/data/task_result/videos/0/url").asText();

    HttpResponse<String> whole = caller.get(url);
    HttpResponse<String> part = caller.send(caller.request(url).header("Range", "bytes=4-7"));

    assertEquals("video/mp4", whole.headers().firstValue("content-type").orElse(""));
    assertEquals(206, part.statusCode());
    assertEquals("ftyp", part.body());
    assertEquals(
        "bytes 4-7/" + whole.body().length(),
        part.headers().firstValue("content-range").orElse(""));
  }

  @Test
  void a_failed_task_is_still_a_successful_query() throws Exception {
    String id = json(caller.post(PATH, BODY)).at("/data/task_id").asText();
    control.finish(id, "failed", "Image pixel is invalid");

    JsonNode body = json(caller.get(PATH + "/" + id));
    assertEquals(0, body.get("code").asInt());
    assertEquals("failed", body.at("/data/task_status").asText());
    assertEquals("Image pixel is invalid", body.at("/data/task_status_msg").asText());
    assertEquals("{}", body.at("/data/task_result").toString());
  }

  @Test
  void lists_newest_first_by_page() throws Exception {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ids.add(0, json(caller.post(PATH, BODY)).at("/data/task_id").asText());
    }

    assertEquals(ids.subList(0, 2), listed("?pageNum=1&pageSize=2"));
    assertEquals(ids.subList(2, 3), listed("?pageNum=2&pageSize=2"));
    assertEquals(400, caller.get(PATH + "?pageSize=501").statusCode());
  }

  private List<String> listed(String query) throws IOException {
    List<String> ids = new ArrayList<>();
    json(caller.get(PATH + query))
        .get("data")
        .forEach(task -> ids.add(task.get("task_id").asText()));
    return ids;
  }

  @Test
  void unknown_and_foreign_ids_are_not_found() throws Exception {
    assertRefused(400, 1201, "Task not found by id/external id: 42", caller.get(PATH + "/42"));
    String id = json(caller.post(PATH, BODY)).at("/data/task_id").asText();
    assertRefused(
        400,
        1201,
        "Task not found by id/external id: " + id,
        caller.get("/v1/videos/image2video/" + id));
  }

  @Test
  void an_external_id_is_taken_once() throws Exception {
    String body = "{\"prompt\":\"a\",\"external_task_id\":\"mine\"}";
    caller.post(PATH, body);

    assertRefused(400, 1201, "External_task_id mine already exists", caller.post(PATH, body));
    assertEquals(1, control.creates("mine").size());
  }

  @Test
  void slots_are_counted_by_model_until_a_task_ends() throws Exception {
    String first = json(caller.post(PATH, BODY)).at("/data/task_id").asText();
    for (int i = 0; i < 4; i++) {
      assertEquals(200, caller.post(PATH, BODY).statusCode());
    }
    assertRefused(429, 1303, "parallel task over resource pack limit", caller.post(PATH, BODY));
    assertEquals(200, caller.post(PATH, BODY.replace("v3", "v2-6")).statusCode());

    control.finish(first, "failed", "");
    assertEquals(200, caller.post(PATH, BODY).statusCode());
    assertEquals(5, control.totals().mostRunning().get("main/VIDEO/kling-v3"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}                                                | prompt can not be null",
        "{\"prompt\":\"a\",\"duration\":\"99\"}            | duration value '99' is invalid",
        "{\"prompt\":\"a\",\"mode\":\"standard\"}          | mode value 'standard' is invalid",
        "{\"prompt\":\"a\",\"model_name\":\"kling-v3-0\"}"
            + " | model_name value 'kling-v3-0' is invalid",
        "{\"prompt\":\"a\",\"model_name\":\"kling-v1\"}"
            + " | The model 'kling-v1' has been discontinued and is no longer available.",
        "{\"prompt\":\"a\",\"callback_url\":\"nowhere\"} | callback_url value 'nowhere' is invalid"
      })
  void bad_fields_are_refused(String body, String message) throws Exception {
    assertRefused(400, 1201, message, caller.post(PATH, body));
    assertEquals(0, control.totals().accepted());
  }

  @Test
  void each_trouble_with_credentials_has_its_code() throws Exception {
    long now = System.currentTimeMillis() / 1000;
    String access = Caller.ACCESS_KEY;
    String secret = Caller.SECRET_KEY;
    assertCode(401, 1001, caller.with(null));
    assertCode(401, 1002, caller.with("Basic abc"));
    assertCode(401, 1000, caller.withToken("nobody", secret, now - 5, now + 1800));
    assertCode(401, 1000, caller.withToken(access, "wrong", now - 5, now + 1800));
    assertCode(401, 1003, caller.withToken(access, secret, now + 100, now + 1800));
    assertCode(401, 1004, caller.withToken(access, secret, now - 100, now - 1));
    assertRefused(
        401,
        1002,
        "The token was expected to have 3 parts, but got 0",
        caller.with("Bearer garbage").get(PATH));
    assertEquals(200, caller.withToken(access, secret, now - 5, now + 1800).get(PATH).statusCode());
  }

  @Test
  void the_new_generation_takes_no_key_pairs() throws Exception {
    long now = System.currentTimeMillis() / 1000;
    HttpResponse<String> answer =
        caller
            .withToken(Caller.ACCESS_KEY, Caller.SECRET_KEY, now - 5, now + 1800)
            .get("/tasks?task_ids=1");

    assertCode(401, 1002, answer);
    assertTrue(answer.body().contains("does not support AK/SK"), answer.body());
  }

  @Test
  void the_new_generation_speaks_its_own_words() throws Exception {
    JsonNode created =
        json(
            caller.post(
                "/text-to-video/kling-3.0",
                "{\"prompt\":\"a\",\"options\":{\"external_task_id\":\"mine\"}}"));
    String id = created.at("/data/id").asText();
    control.finish(id, "succeed", "");

    JsonNode data = json(caller.get("/tasks?external_task_ids=mine,other")).get("data");
    assertEquals(1, data.size());
    assertEquals("succeeded", data.at("/0/status").asText());
    assertEquals("mine", data.at("/0/external_id").asText());
    assertEquals("video", data.at("/0/outputs/0/type").asText());
    JsonNode page = json(caller.post("/tasks", "{\"limit\":1}")).get("data");
    assertEquals(id, page.at("/result/0/id").asText());
    assertFalse(page.get("has_more").asBoolean());
  }

  @Test
  void the_new_generation_has_omni_and_motion_control() throws Exception {
    String omni = "{\"contents\":[{\"type\":\"prompt\",\"text\":\"a\"}]}";
    JsonNode created = json(caller.post("/omni-video/kling-3.0-omni", omni));
    assertEquals("", created.get("message").asText());
    assertEquals(List.of("id", "status", "create_time", "update_time"), keys(created.get("data")));
    assertRefused(
        400,
        1201,
        "character_orientation value '' is invalid",
        caller.post("/motion-control/kling-3.0", omni));
    assertEquals(
        200,
        caller
            .post(
                "/motion-control/kling-3.0",
                omni.replace("]}", "],\"settings\":{\"character_orientation\":\"image\"}}"))
            .statusCode());
  }

  @Test
  void what_nobody_has_seen_of_the_new_generation_is_a_switch() throws Exception {
    String body =
        "{\"prompt\":\"a\",\"settings\":{\"duration\":60},\"options\":{\"external_task_id\":\"mine\","
            + "\"callback_url\":\"http://127.0.0.1:9/cb\"}}";
    simulator.close();
    simulator =
        new KlingSimulator(
                Caller.settings()
                    .withoutExternalIds(Set.of("kling-4.0"))
                    .withoutCallbacks(Set.of("kling-4.0"))
                    .checksSettings(false)
                    .answersTersely(false))
            .start();
    caller = new Caller(simulator);

    JsonNode created = json(caller.post("/text-to-video/kling-4.0", body));
    assertEquals("SUCCEED", created.get("message").asText());
    assertEquals("", created.at("/data/external_id").asText());
    assertEquals(0, json(caller.get("/tasks?external_task_ids=mine")).get("data").size());

    simulator.close();
    simulator = new KlingSimulator(Caller.settings().needsRatio(true)).start();
    caller = new Caller(simulator);
    assertRefused(
        400, 1201, "duration value '60' is invalid", caller.post("/text-to-video/kling-4.0", body));
    assertRefused(
        400,
        1201,
        "aspect_ratio can not be null",
        caller.post("/text-to-video/kling-4.0", body.replace("60", "30")));
  }

  @ParameterizedTest
  @CsvSource({
    "/v1/videos/avatar/image2video, image, videos",
    "/v1/images/generations, prompt, images",
    "/v1/audio/text-to-audio, prompt, audios",
    "/v1/general/custom-voices, voice_name, voices",
    "/v1/general/advanced-custom-elements, element_name, elements"
  })
  void siblings_have_results_of_their_own(String path, String field, String array)
      throws Exception {
    String id = json(caller.post(path, "{\"" + field + "\":\"x\"}")).at("/data/task_id").asText();
    control.finish(id, "succeed", "");

    assertEquals(List.of(array), keys(json(caller.get(path + "/" + id)).at("/data/task_result")));
  }

  @Test
  void a_list_that_is_required_is_there_or_missing() throws Exception {
    String path = "/v1/videos/multi-image2video";
    String list = "{\"prompt\":\"x\",\"image_list\":[{\"image\":\"aGk=\"}]}";
    assertEquals(0, json(caller.post(path, list)).at("/code").asInt());
    assertEquals(
        1201, json(caller.post(path, "{\"prompt\":\"x\",\"image_list\":[]}")).at("/code").asInt());
  }

  @Test
  void speech_is_answered_at_once() throws Exception {
    JsonNode body = json(caller.post("/v1/audio/tts", "{\"text\":\"hello\"}"));

    assertEquals("succeed", body.at("/data/task_status").asText());
    assertTrue(body.at("/data/task_result/audios/0/url").isTextual());
  }

  @Test
  void wrong_routes_and_methods_are_told_apart() throws Exception {
    assertCode(404, 1203, caller.get("/v1/videos/nothing"));
    assertCode(404, 1202, caller.send(caller.request(PATH).DELETE()));
  }

  @Test
  void a_fault_strikes_the_nth_match_only() throws Exception {
    control.fault(
        FaultRule.on(Operation.CREATE, new Fault.Refuse(503, 5001, "maintenance")).nth(2));

    assertEquals(200, caller.post(PATH, BODY).statusCode());
    assertRefused(503, 5001, "maintenance", caller.post(PATH, BODY));
    assertEquals(200, caller.post(PATH, BODY).statusCode());
    assertEquals(2, control.totals().accepted());
  }

  @Test
  void a_create_can_be_accepted_and_its_answer_lost() throws Exception {
    control.fault(FaultRule.on(Operation.CREATE, new Fault.ThenReset()).nth(1));
    control.fault(FaultRule.on(Operation.CREATE, new Fault.ThenAnswer(504, null)).nth(1));

    assertThrows(IOException.class, () -> caller.post(PATH, BODY));
    HttpResponse<String> second = caller.post(PATH, BODY);
    assertEquals(504, second.statusCode());
    assertEquals("", second.body());
    assertEquals(2, control.totals().accepted());
  }

  @Test
  void a_create_can_be_lost_altogether() throws Exception {
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Reset()).nth(1));
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Answer(200, "<html>")).nth(1));

    assertThrows(IOException.class, () -> caller.post(PATH, BODY));
    assertEquals("<html>", caller.post(PATH, BODY).body());
    assertEquals(0, control.totals().accepted());
  }

  @Test
  void nobody_listens_during_an_outage() throws Exception {
    control.outage(Duration.ofMillis(300));

    assertThrows(IOException.class, () -> caller.get(PATH));
    HttpResponse<String> back = null;
    // Refused connections cost next to nothing, so the wait is bounded by time, never by tries.
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (back == null && System.nanoTime() < end) {
      try {
        back = caller.get(PATH);
      } catch (IOException stillAway) {
        Thread.onSpinWait();
      }
    }
    assertEquals(200, back == null ? 0 : back.statusCode());
  }

  @Test
  void held_creates_are_accepted_and_answered_on_release() throws Exception {
    control.hold();
    var answer =
        java.util.concurrent.CompletableFuture.supplyAsync(
            () -> {
              try {
                return caller.post(PATH, BODY).statusCode();
              } catch (IOException e) {
                return 0;
              }
            });
    while (control.totals().held() == 0) {
      Thread.onSpinWait();
    }
    assertEquals(1, control.totals().accepted());

    control.release();
    assertEquals(200, answer.get());
  }

  private static void assertCode(int status, int code, Caller caller) throws IOException {
    assertCode(status, code, caller.get(PATH));
  }

  private static void assertCode(int status, int code, HttpResponse<String> answer)
      throws IOException {
    assertEquals(status, answer.statusCode(), answer.body());
    assertEquals(code, json(answer).get("code").asInt(), answer.body());
  }

  private static void assertRefused(
      int status, int code, String message, HttpResponse<String> answer) throws IOException {
    assertCode(status, code, answer);
    JsonNode body = json(answer);
    assertEquals(List.of("code", "message", "request_id"), keys(body));
    assertEquals(message, body.get("message").asText());
  }

  private static JsonNode json(HttpResponse<String> answer) throws IOException {
    return Json.MAPPER.readTree(answer.body());
  }

  private static List<String> keys(JsonNode node) {
    List<String> names = new ArrayList<>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
