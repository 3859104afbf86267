package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.Test;

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

  private static String body(String kind, String status, String result) {
    String event =
        """
        {"task_id":"task_1","external_task_id":"mine","kind":"%s","status":"%s","status_message":null,
        "occurred_at":"1970-01-01T00:00:02.000Z","result":%s,"units":3}"""
            .formatted(kind, status, result);
    return new String(CallbackBody.of(event, CREATED), StandardCharsets.UTF_8);
  }
}
