package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A refusal as it goes out: Kling's body where Kling's words are spoken, RFC 9457 elsewhere. The
 * one place that writes errors, for resources and for what is refused before them.
 *
 * @param status of HTTP
 * @param type the content type
 * @param text the JSON
 * @param retryAfter whole seconds, or null
 */
public record ErrorBody(int status, String type, String text, @Nullable String retryAfter) {

  /** A refusal on a front. */
  public static ErrorBody of(Front front, ProblemException problem) {
    return of(
        front,
        problem.code(),
        String.valueOf(problem.getMessage()),
        problem.retryAfter(),
        problem.members(),
        UUID.randomUUID());
  }

  /**
   * A refusal on a front.
   *
   * @param retryAfter at least a second is sent; null sends none
   * @param id what the log has it under
   */
  public static ErrorBody of(
      Front front, ErrorCode code, String message, @Nullable Duration retryAfter, UUID id) {
    return of(front, code, message, retryAfter, Map.of(), id);
  }

  private static ErrorBody of(
      Front front,
      ErrorCode code,
      String message,
      @Nullable Duration retryAfter,
      Map<String, Object> members,
      UUID id) {
    String wait = retryAfter == null ? null : Long.toString(Math.max(1, retryAfter.toSeconds()));
    return front.speaksKling()
        ? new ErrorBody(
            code.klingHttpStatus(),
            "application/json",
            new JsonObject()
                .put("code", code.klingCode())
                .put("message", message)
                .put("request_id", id.toString())
                .encode(),
            wait)
        : new ErrorBody(
            code.httpStatus(),
            "application/problem+json",
            new JsonObject(new LinkedHashMap<>(members))
                .put("type", "urn:kling-task-tracker:problem:" + code.wireName())
                .put("title", code.wireName().replace('-', ' '))
                .put("status", code.httpStatus())
                .put("detail", message)
                .put("code", code.wireName())
                .put("instance", "urn:uuid:" + id)
                .encode(),
            wait);
  }

  /** What goes with it, apart from the type. */
  public Map<String, String> headers() {
    Map<String, String> headers = new HashMap<>();
    if (retryAfter != null) {
      headers.put("Retry-After", retryAfter);
    }
    if (status == ErrorCode.AUTHORIZATION_MISSING.httpStatus()) {
      // RFC 9110, 11.6.1: a 401 says how to authenticate.
      headers.put("WWW-Authenticate", "Bearer realm=\"kling-task-tracker\"");
    }
    return headers;
  }

  /** Ends a response with it; does nothing when it has ended or its reader has gone. */
  public Future<Void> send(HttpServerResponse response) {
    if (response.ended() || response.closed() || response.headWritten()) {
      return Future.succeededFuture();
    }
    headers().forEach(response::putHeader);
    return response.setStatusCode(status).putHeader("Content-Type", type).end(text);
  }
}
