package io.klingtracker.kling;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads every dialect in which Kling speaks of tasks into {@link KlingNews}: the legacy shape
 * ({@code task_id}, {@code succeed}, {@code task_result}), the newer one ({@code id}, {@code
 * succeeded}, {@code outputs}), each bare or in a {@code {code, data}} envelope, in any key order,
 * with unknown keys, with null or missing arrays, with times in ms or s.
 */
public final class KlingReader {

  /** Deeper bodies are not Kling's. */
  private static final int MAX_DEPTH = 64;

  /** A time below this is in seconds: as milliseconds it would lie in March 1973. */
  private static final long SECONDS_BELOW = 100_000_000_000L;

  private static final ObjectMapper JSON =
      JsonMapper.builder(
              com.fasterxml.jackson.core.JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
                  .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                  .build())
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .nodeFactory(JsonNodeFactory.withExactBigDecimals(true))
          .build();

  private KlingReader() {}

  /**
   * Parses a body.
   *
   * @throws IOException when it is not JSON, is nested deeper than 64, or is not UTF-8
   */
  public static JsonNode parse(byte[] body) throws IOException {
    JsonNode node = JSON.readTree(body);
    if (node == null || node.isMissingNode()) {
      throw new IOException("the body is empty");
    }
    return node;
  }

  /** The one task that a callback or a query answer is about, or empty when it names none. */
  public static Optional<KlingNews> task(JsonNode body) {
    List<KlingNews> all = tasks(body);
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(0));
  }

  /** All tasks in an answer: one, or those of a list. */
  public static List<KlingNews> tasks(JsonNode body) {
    JsonNode data = body.has("data") && !body.get("data").isNull() ? body.get("data") : body;
    if (data.has("result") && data.get("result").isArray()) {
      data = data.get("result");
    }
    List<KlingNews> all = new ArrayList<>();
    if (data.isArray()) {
      data.forEach(item -> read(item).ifPresent(all::add));
    } else {
      read(data).ifPresent(all::add);
    }
    return all;
  }

  private static Optional<KlingNews> read(JsonNode task) {
    if (!task.isObject()) {
      return Optional.empty();
    }
    // The official rule: task_id means legacy, id means the newer generation.
    boolean legacy = task.hasNonNull("task_id");
    String id = text(task, legacy ? "task_id" : "id");
    String word = text(task, legacy ? "task_status" : "status");
    if (id == null || id.isEmpty() || word == null) {
      return Optional.empty();
    }
    String message = text(task, legacy ? "task_status_msg" : "message");
    return Optional.of(
        new KlingNews(
            id,
            legacy ? text(task.path("task_info"), "external_task_id") : text(task, "external_id"),
            KlingStatus.of(word),
            word,
            message == null ? "" : message,
            legacy ? resultOf(task.get("task_result")) : resultOf(outputs(task.get("outputs"))),
            legacy ? number(task.get("final_unit_deduction")) : units(task.path("billing")),
            time(task.get(legacy ? "updated_at" : "update_time"))));
  }

  private static @Nullable String resultOf(@Nullable JsonNode result) {
    if (result == null || !result.isObject() || result.isEmpty()) {
      return null;
    }
    return write(result);
  }

  /**
   * The newer {@code outputs[]} as the legacy arrays ({@code video} under {@code videos}, …), kept
   * whole.
   */
  private static @Nullable JsonNode outputs(@Nullable JsonNode outputs) {
    if (outputs == null || !outputs.isArray() || outputs.isEmpty()) {
      return null;
    }
    ObjectNode result = JSON.createObjectNode();
    for (JsonNode output : outputs) {
      String type = output.path("type").asText("unknown");
      JsonNode array = result.get(type + "s");
      if (array == null) {
        array = result.putArray(type + "s");
      }
      ((ArrayNode) array).add(output);
    }
    return result;
  }

  /** The units among the newer generation's billing entries; cash is not units. */
  private static @Nullable BigDecimal units(JsonNode billing) {
    BigDecimal sum = null;
    for (JsonNode entry : billing) {
      BigDecimal amount = number(entry.get("amount"));
      if ("unit".equals(entry.path("charge_type").asText()) && amount != null) {
        sum = sum == null ? amount : sum.add(amount);
      }
    }
    return sum;
  }

  private static @Nullable String text(JsonNode object, String key) {
    JsonNode value = object.get(key);
    return value == null || value.isNull() || value.isContainerNode() ? null : value.asText();
  }

  private static @Nullable BigDecimal number(@Nullable JsonNode value) {
    if (value == null
        || value.isNull()
        || value.isContainerNode()
        || value.asText().length() > 40) {
      return null;
    }
    try {
      return new BigDecimal(value.asText());
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static @Nullable Instant time(@Nullable JsonNode value) {
    if (value == null || !value.canConvertToLong() && !value.isTextual()) {
      return null;
    }
    long number = value.asLong(0);
    if (number <= 0 || number > 100 * SECONDS_BELOW) {
      return null;
    }
    return number < SECONDS_BELOW ? Instant.ofEpochSecond(number) : Instant.ofEpochMilli(number);
  }

  static String write(JsonNode node) {
    try {
      return JSON.writeValueAsString(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree that was read can be written", e);
    }
  }
}
