package io.klingtracker.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.request.Metadata;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Kling's own callback body, made from our event: our {@code task_id}, the caller's {@code
 * external_task_id}, everything else as Kling writes it, so that a handler written for Kling works
 * unchanged. Made of the immutable event alone: every attempt sends the same bytes.
 */
final class CallbackBody {

  /** Numbers leave as they came. */
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

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
      JsonNode parsed = read(event);
      boolean newer =
          Catalog.current()
              .ofSent(parsed.path("kind").asText())
              .filter(kind -> kind.dialect() == Kind.Dialect.NEWER)
              .isPresent();
      return JSON.writeValueAsBytes(
          newer ? newer(parsed, taskCreatedAt) : body(parsed, taskCreatedAt));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("what was read can be written", e);
    }
  }

  private static JsonNode read(String event) {
    try {
      return JSON.readTree(event);
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
    JsonNode cash = cash(event);
    if (cash.has("amount")) {
      body.putObject("final_balance_deduction").put("quota", cash.path("amount").asText());
    }
    body.put("created_at", taskCreatedAt.toEpochMilli());
    body.put("updated_at", Instant.parse(event.path("occurred_at").asText()).toEpochMilli());
    return body;
  }

  /** What headers carry that Kling's body has no place for: a failure's sort, the metadata. */
  static Map<String, String> headers(String event) {
    JsonNode parsed = read(event);
    Map<String, String> headers = new LinkedHashMap<>();
    if (parsed.hasNonNull("error_class")) {
      headers.put("tracker-error-class", parsed.path("error_class").asText());
    }
    if (parsed.hasNonNull("retryable")) {
      headers.put("tracker-retryable", parsed.path("retryable").asText());
    }
    if (parsed.hasNonNull("metadata")) {
      Map<String, String> pairs = new LinkedHashMap<>();
      parsed
          .path("metadata")
          .fields()
          .forEachRemaining(pair -> pairs.put(pair.getKey(), pair.getValue().asText()));
      headers.put("tracker-metadata", Metadata.ascii(pairs));
    }
    return headers;
  }

  /** The newer generation's shape, for tasks that came by its front. */
  private static ObjectNode newer(JsonNode event, Instant taskCreatedAt) {
    String status = event.path("status").asText();
    String word = klingWord(status);
    ObjectNode body = JSON.createObjectNode();
    body.put("id", event.path("task_id").asText());
    body.put("status", word.equals("succeed") ? "succeeded" : word);
    ArrayNode outputs = body.putArray("outputs");
    event.path("result").forEach(array -> array.forEach(outputs::add));
    body.put("message", message(status, event.path("status_message").asText("")));
    body.put("create_time", taskCreatedAt.toEpochMilli());
    body.put("update_time", Instant.parse(event.path("occurred_at").asText()).toEpochMilli());
    if (event.hasNonNull("external_task_id")) {
      body.put("external_id", event.path("external_task_id").asText());
    }
    if (event.hasNonNull("units")) {
      body.withArray("billing")
          .addObject()
          .put("charge_type", "unit")
          .put("amount", event.path("units").asText())
          .put("package_type", "video");
    }
    JsonNode cash = cash(event);
    if (cash.has("amount")) {
      body.withArray("billing")
          .addObject()
          .put("charge_type", "cash")
          .put("amount", cash.path("amount").asText())
          .put("currency", cash.path("currency").asText());
    }
    return body;
  }

  /** What Kling took as money; what is expected, or nothing for what it never had, is not that. */
  private static JsonNode cash(JsonNode event) {
    JsonNode cost = event.path("cost");
    return event.hasNonNull("kling_task_id")
            && cost.path("state").asText().equals("charged")
            && cost.hasNonNull("amount")
        ? cost
        : MissingNode.getInstance();
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
