package io.klingtracker.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;

/**
 * Kling's own callback body, told of our event: our {@code task_id}, the caller's {@code
 * external_task_id}, everything else as Kling writes it, so that a handler written for Kling works
 * unchanged. Made of the immutable event alone: every attempt sends the same bytes.
 */
final class CallbackBody {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Kling sends all three, empty or not. */
  private static final List<String> ARRAYS = List.of("images", "videos", "audios");

  private CallbackBody() {}

  /**
   * The body.
   *
   * @param event the event as on every channel
   * @param taskCreatedAt when the task was submitted to us
   */
  static byte[] of(String event, Instant taskCreatedAt) {
    try {
      return JSON.writeValueAsBytes(body(JSON.readTree(event), taskCreatedAt));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("an event's payload is JSON", e);
    }
  }

  private static ObjectNode body(JsonNode event, Instant taskCreatedAt) {
    String status = event.path("status").asText();
    ObjectNode body = JSON.createObjectNode();
    body.put("task_id", event.path("task_id").asText());
    body.put("task_status", klingWord(status));
    ObjectNode info = body.putObject("task_info");
    if (event.hasNonNull("external_task_id")) {
      info.put("external_task_id", event.path("external_task_id").asText());
    }
    body.set("task_result", result(event.path("result")));
    body.put("task_status_msg", message(status, event.path("status_message").asText("")));
    if (event.hasNonNull("units")) {
      body.put("final_unit_deduction", event.path("units").asText());
    }
    body.put("created_at", taskCreatedAt.toEpochMilli());
    body.put("updated_at", Instant.parse(event.path("occurred_at").asText()).toEpochMilli());
    return body;
  }

  /** Kling knows four words; a handler written for Kling knows no more. */
  private static String klingWord(String status) {
    return switch (status) {
      case "canceled", "expired" -> "failed";
      default -> status;
    };
  }

  private static String message(String status, String given) {
    if (!given.isEmpty() && !given.equals("null")) {
      return given;
    }
    return switch (status) {
      case "canceled" -> "The task was canceled.";
      case "expired" -> "No news of the task in time.";
      default -> "";
    };
  }

  private static ObjectNode result(JsonNode given) {
    ObjectNode result = JSON.createObjectNode();
    ARRAYS.forEach(result::putArray);
    given
        .fields()
        .forEachRemaining(
            field -> {
              if (!field.getValue().isNull() || !ARRAYS.contains(field.getKey())) {
                result.set(field.getKey(), field.getValue());
              }
            });
    return result;
  }
}
