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
 * A refusal as it goes out: Kling's body where Kling's words are spoken, a page on the console, RFC
 * 9457 elsewhere. The one place that writes errors, for resources and for what is refused before
 * them.
 *
 * @param status of HTTP
 * @param type the content type
 * @param text the JSON, or the page
 * @param retryAfter whole seconds, or null
 */
public record ErrorBody(int status, String type, String text, @Nullable String retryAfter) {

  private static final String PAGE = "text/html;charset=utf-8";

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
    if (front == Front.CONSOLE) {
      return new ErrorBody(code.httpStatus(), PAGE, page(code, message, id), wait);
    }
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

  /** For a person in a browser: what is wrong, and where to go. */
  private static String page(ErrorCode code, String message, UUID id) {
    return """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>%1$s · Kling Task Tracker</title><link rel="stylesheet" href="/console/assets/console.css"></head>
        <body class="plain"><main class="card"><h1>%1$s</h1><p>%2$s</p>
        <p><a href="/console/tasks">To the tasks</a></p><p class="hint">%3$s</p></main></body></html>
        """
        .formatted(escaped(code.wireName().replace('-', ' ')), escaped(message), id);
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }

  /** What goes with it, apart from the type. */
  public Map<String, String> headers() {
    Map<String, String> headers = new HashMap<>();
    if (retryAfter != null) {
      headers.put("Retry-After", retryAfter);
    }
    if (type.equals(PAGE)) {
      headers.put(
          "Content-Security-Policy", "default-src 'self'; base-uri 'none'; frame-ancestors 'none'");
      headers.put("Cache-Control", "no-store");
      return headers;
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
