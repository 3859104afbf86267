package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallbackBodyTest {

  private static final Instant CREATED = Instant.ofEpochMilli(1_000);

  @Test
  void a_task_of_the_legacy_generation_is_told_in_its_shape() {
    assertEquals(
        """
        {"task_id":"task_1","task_status":"succeed","task_info":{"external_task_id":"mine"},\
        "task_result":{"images":[],"videos":[{"id":"6","url":"u"}],"audios":[]},\
        "task_status_msg":"","final_unit_deduction":"3","created_at":1000,"updated_at":2000}""",
        body("text2video", "succeed", "{\"videos\":[{\"id\":\"6\",\"url\":\"u\"}]}"));
  }

  @Test
  void a_task_of_the_newer_generation_is_told_in_its_own() {
    assertEquals(
        """
        {"id":"task_1","status":"succeeded","outputs":[{"type":"video","id":"6","url":"u"}],\
        "message":"","create_time":1000,"update_time":2000,"external_id":"mine",\
        "billing":[{"charge_type":"unit","amount":"3","package_type":"video"}]}""",
        body(
            "text-to-video",
            "succeed",
            "{\"videos\":[{\"type\":\"video\",\"id\":\"6\",\"url\":\"u\"}]}"));
  }

  @Test
  void money_is_told_as_kling_tells_it() {
    String event =
        """
        {"task_id":"task_1","kind":"%s","kling_task_id":"7","status":"failed","status_message":"no",
         "occurred_at":"1970-01-01T00:00:02.000Z",
         "cost":{"units":null,"amount":0.420,"currency":"USD","state":"%s"}}""";

    assertEquals(
        """
        {"task_id":"task_1","task_status":"failed","task_info":{},\
        "task_result":{"images":[],"videos":[],"audios":[]},"task_status_msg":"no",\
        "final_balance_deduction":{"quota":"0.420"},"created_at":1000,"updated_at":2000}""",
        legacy(event.formatted("text2video", "charged")));
    assertEquals(
        """
        {"id":"task_1","status":"failed","outputs":[],"message":"no","create_time":1000,\
        "update_time":2000,"billing":[{"charge_type":"cash","amount":"0.420","currency":"USD"}]}""",
        legacy(event.formatted("text-to-video", "charged")));
    assertEquals(
        """
        {"id":"task_1","status":"failed","outputs":[],"message":"no","create_time":1000,\
        "update_time":2000}""",
        legacy(event.formatted("text-to-video", "expected")));
  }

  @ParameterizedTest
  @CsvSource({
    "'{\"error_class\":\"input\",\"retryable\":false}', '{tracker-error-class=input, tracker-retryable=false}'",
    "'{\"error_class\":\"capacity\",\"retryable\":true}', '{tracker-error-class=capacity, tracker-retryable=true}'",
    "'{\"error_class\":\"kling\",\"retryable\":null}', {tracker-error-class=kling}",
    "'{\"error_class\":null,\"retryable\":null}', {}",
    "'{\"metadata\":null}', {}",
    "'{\"metadata\":{\"order\":\"4711\",\"who\":\"J\u00FCrgen\\n\u007F\uD83D\uDE00\"}}', '{tracker-metadata={\"order\":\"4711\",\"who\":\"J\\u00FCrgen\\n\\u007F\\uD83D\\uDE00\"}}'",
    "{}, {}"
  })
  void headers_tell_what_is_known_beside_the_body_and_nothing_else(String event, String headers) {
    assertEquals(headers, CallbackBody.headers(event).toString());
  }

  @Test
  void a_succeed_reads_as_kling_writes_it() {
    assertEquals(
        """
        {"task_id":"task_01","task_status":"succeed","task_info":{"external_task_id":"shot-1"},\
        "task_result":{"images":[],"videos":[{"id":"9","url":"https://v/1.mp4","duration":"5.1"}],"audios":[],"extra":{"n":1.50}},\
        "task_status_msg":"","final_unit_deduction":"0.80","created_at":1000,"updated_at":1765508877406}""",
        legacy(
            """
            {"event_id":"e","sequence":4,"task_id":"task_01","external_task_id":"shot-1","kling_task_id":"77",
             "status":"succeed","status_message":null,"occurred_at":"2025-12-12T03:07:57.406Z","units":"0.80",
             "result":{"videos":[{"id":"9","url":"https://v/1.mp4","duration":"5.1"}],"images":null,"extra":{"n":1.50}}}
            """));
  }

  @ParameterizedTest
  @CsvSource({
    "submitted, , submitted, ''",
    "processing, , processing, ''",
    "failed, Image pixel is invalid, failed, Image pixel is invalid",
    "canceled, , failed, The task was canceled.",
    "expired, , failed, No news of the task in time.",
    "expired, no word for 24 h, failed, no word for 24 h",
  })
  void kling_knows_four_words(String status, @Nullable String given, String word, String message) {
    String message0 = given == null ? "null" : '"' + given + '"';
    assertEquals(
        "{\"task_id\":\"task_01\",\"task_status\":\""
            + word
            + "\",\"task_info\":{},\"task_result\":{\"images\":[],\"videos\":[],\"audios\":[]},\"task_status_msg\":\""
            + message
            + "\",\"created_at\":1000,\"updated_at\":1765508645006}",
        legacy(
            "{\"task_id\":\"task_01\",\"external_task_id\":null,\"status\":\""
                + status
                + "\",\"status_message\":"
                + message0
                + ",\"result\":null,\"units\":null,\"occurred_at\":\"2025-12-12T03:04:05.006Z\"}"));
  }

  private static String legacy(String event) {
    return new String(CallbackBody.of(event, CREATED), StandardCharsets.UTF_8);
  }

  private static String body(String kind, String status, String result) {
    String event =
        """
        {"task_id":"task_1","external_task_id":"mine","kind":"%s","status":"%s","status_message":null,
        "occurred_at":"1970-01-01T00:00:02.000Z","result":%s,"units":3}"""
            .formatted(kind, status, result);
    return new String(CallbackBody.of(event, CREATED), StandardCharsets.UTF_8);
  }
}
