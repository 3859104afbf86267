package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** One refusal, two shapes. */
class ErrorBodyTest {

  private static final ProblemException BUSY =
      new ProblemException(ErrorCode.UNAVAILABLE, "say \"when\"", Duration.ofMillis(200));

  @Test
  void kling_s_clients_and_kling_get_kling_s_shape() {
    for (Front front : new Front[] {Front.KLING, Front.CALLBACK}) {
      ErrorBody body = ErrorBody.of(front, BUSY);
      assertEquals("application/json", body.type());
      assertEquals("1", body.retryAfter());
      JsonObject json = new JsonObject(body.text());
      assertEquals(Set.of("code", "message", "request_id"), json.fieldNames());
      assertEquals(5001, json.getInteger("code"));
      assertEquals("say \"when\"", json.getString("message"));
    }
  }

  @Test
  void everybody_else_gets_a_problem() {
    ErrorBody body =
        ErrorBody.of(Front.OPEN, new ProblemException(ErrorCode.BODY_TOO_LARGE, "too large"));
    assertEquals(413, body.status());
    assertEquals("application/problem+json", body.type());
    assertNull(body.retryAfter());
    JsonObject json = new JsonObject(body.text());
    assertEquals("urn:kling-task-tracker:problem:body-too-large", json.getString("type"));
    assertEquals("body too large", json.getString("title"));
    assertEquals(413, json.getInteger("status"));
    assertEquals("too large", json.getString("detail"));
    assertEquals("body-too-large", json.getString("code"));
  }
}
