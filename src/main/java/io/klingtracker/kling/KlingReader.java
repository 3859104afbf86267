package io.klingtracker.kling;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.text.ForeignText;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads every dialect in which Kling speaks of tasks into {@link KlingNews}: the legacy shape
 * ({@code task_id}, {@code succeed}, {@code task_result}), the newer one ({@code id}, {@code
 * succeeded}, {@code outputs}), each bare or in a {@code {code, data}} envelope, in any key order,
 * with unknown keys, with null or missing arrays, with times in ms or s.
 */
public final class KlingReader {

  /** A caller's own id may have 512 characters; Kling's have 18. */
  private static final int MAX_ID = 512;

  /** In bytes; a status word that we know has 11 at the most. */
  private static final int MAX_WORD = 64;

  /** In bytes; the longest reason of Kling's that was seen has some 300. */
  static final int MAX_MESSAGE = 2000;

  /**
   * In bytes of JSON; nine pictures with their links are a tenth of it, and an event has to fit
   * into a record on Kafka.
   */
  static final int MAX_RESULT = 512 * 1024;

  /** Kling deducts some hundred units at a time, in hundredths. */
  private static final int MAX_UNIT_DIGITS = 12;

  private static final int MAX_UNIT_DECIMALS = 6;

  /** A time below this is in seconds: as milliseconds it would lie in March 1973. */
  private static final long SECONDS_BELOW = 100_000_000_000L;

  private static final ObjectMapper JSON =
      JsonMapper.builder().nodeFactory(JsonNodeFactory.withExactBigDecimals(true)).build();

  private KlingReader() {}

  /**
   * Parses a body into a document in which every text can be stored and every number calculated
   * with; see {@link KlingDocument}.
   *
   * @throws IOException when it is not JSON, or is larger or deeper than anything of Kling's
   */
  public static JsonNode parse(byte[] body) throws IOException {
    return KlingDocument.parse(body);
  }

  /**
   * The news in a callback's body; {@link KlingNews#unclear} where it is JSON that only a lenient
   * reader takes. Empty when it is not JSON even so, or there is no task in it.
   */
  public static Optional<KlingNews> callback(byte[] body) {
    try {
      return task(parse(body));
    } catch (IOException strict) {
      try {
        String fault =
            strict instanceof JsonProcessingException json
                ? json.getOriginalMessage()
                : strict.getMessage();
        return task(KlingDocument.mended(body))
            .map(
                lenient ->
                    KlingNews.unclear(ForeignText.clean(String.valueOf(fault), MAX_MESSAGE)));
      } catch (IOException e) {
        return Optional.empty();
      }
    }
  }

  /** The one task that a callback or a query answer is about, or empty when it names none. */
  public static Optional<KlingNews> task(JsonNode body) {
    List<KlingNews> all = tasks(body);
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(0));
  }

  /**
   * The task that an answer to a create is about. It is accepted by its id, whether a status is
   * beside it or not.
   */
  static Optional<KlingNews> created(JsonNode body) {
    Optional<KlingNews> task = task(body);
    JsonNode data = body.path("data").isObject() ? body.get("data") : body;
    return task.isEmpty() && data instanceof ObjectNode object && !isTask(object)
        ? read(object.deepCopy().put("task_status", "submitted"))
        : task;
  }

  /** All tasks in an answer: one, or those of a list. */
  public static List<KlingNews> tasks(JsonNode body) {
    JsonNode data = body.path("data").isContainerNode() && !isTask(body) ? body.get("data") : body;
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

  /** An envelope may have a status too, that of HTTP: alone, or as a number. */
  private static boolean isTask(JsonNode body) {
    return (body.has("task_status") || body.path("status").isTextual())
        && (body.has("task_id") || body.has("id"));
  }

  private static Optional<KlingNews> read(JsonNode task) {
    if (!task.isObject()) {
      return Optional.empty();
    }
    String legacyId = id(task, "task_id");
    String newerId = id(task, "id");
    if (legacyId != null && newerId != null && !legacyId.equals(newerId)) {
      // The official rule: task_id means legacy, id means the newer generation. Two ids mean
      // neither.
      return Optional.empty();
    }
    String id = legacyId == null ? newerId : legacyId;
    String written = first(text(task, "task_status"), text(task, "status"));
    if (id == null || written == null) {
      return Optional.empty();
    }
    String word = ForeignText.clean(written, MAX_WORD);
    String message =
        first(
            text(task, "task_status_msg"),
            text(task, "message"),
            text(task, "fail_reason"),
            text(task.path("error"), "message"));
    Optional<KlingNews> inner = wrapped(task);
    return Optional.of(
        new KlingNews(
            id,
            first(
                id(task.path("task_info"), "external_task_id"),
                id(task, "external_id"),
                inner.map(KlingNews::externalTaskId).orElse(null)),
            KlingStatus.of(word),
            word,
            message == null ? "" : ForeignText.clean(message, MAX_MESSAGE),
            first(result(task), inner.map(KlingNews::result).orElse(null)),
            first(charge(task), inner.map(KlingNews::charge).orElse(null)),
            first(time(task.get("updated_at")), time(task.get("update_time"))),
            first(time(task.get("created_at")), time(task.get("create_time"))),
            ordered(task)));
  }

  private static Ordered ordered(JsonNode task) {
    JsonNode info = task.path("task_info");
    String model =
        first(
            text(task, "model_name"),
            text(task, "model"),
            text(info, "model_name"),
            text(info, "model"));
    String prompt = first(text(task, "prompt"), text(info, "prompt"));
    return model == null && prompt == null ? Ordered.UNKNOWN : new Ordered(model, prompt);
  }

  /** Fronts that resell Kling put its own answer, envelope and all, under {@code data}. */
  private static Optional<KlingNews> wrapped(JsonNode task) {
    JsonNode raw = task.path("data");
    return read(raw.path("data").isObject() ? raw.path("data") : raw);
  }

  private static @Nullable String result(JsonNode task) {
    String result =
        first(resultOf(task.get("task_result")), resultOf(outputs(task.get("outputs"))));
    String url = first(text(task, "result_url"), text(task, "url"));
    if (result != null || url == null || url.isEmpty()) {
      return result;
    }
    ObjectNode video = JSON.createObjectNode();
    video.putArray("videos").addObject().put("url", url);
    return write(video);
  }

  @SafeVarargs
  private static <T> @Nullable T first(@Nullable T... values) {
    for (T value : values) {
      if (value != null) {
        return value;
      }
    }
    return null;
  }

  /** Ids are decimal strings; a whole number is taken digit by digit, never as floating point. */
  private static @Nullable String id(JsonNode object, String key) {
    JsonNode value = object.get(key);
    if (value == null || !value.isTextual() && !value.isIntegralNumber()) {
      return null;
    }
    String id = value.asText();
    return id.isEmpty() || id.length() > MAX_ID ? null : id;
  }

  private static @Nullable String resultOf(@Nullable JsonNode result) {
    if (result == null || !result.isObject() || result.isEmpty()) {
      return null;
    }
    String written = write(result);
    int bytes = ForeignText.utf8Length(written);
    return bytes <= MAX_RESULT
        ? written
        : write(
            JSON.createObjectNode().put("left_out", "the result has " + bytes + " bytes of JSON"));
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
      String type = ForeignText.clean(output.path("type").asText("unknown"), MAX_WORD);
      JsonNode array = result.get(type + "s");
      if (array == null) {
        array = result.putArray(type + "s");
      }
      ((ArrayNode) array).add(output);
    }
    return result;
  }

  private static @Nullable Charge charge(JsonNode task) {
    BigDecimal units = first(number(task.get("final_unit_deduction")), units(task.path("billing")));
    Charge money = first(money(task.path("final_balance_deduction")), money(task.path("billing")));
    BigDecimal amount = money == null ? null : money.amount();
    if (!isPositive(units) && !isPositive(amount) && !isNothing(task)) {
      return null;
    }
    // Beside money it says that it took no units, which are none that count; and the reverse.
    if (isPositive(amount) && !isPositive(units)) {
      units = null;
    }
    if (money == null || amount == null || units != null && amount.signum() == 0) {
      return units == null ? null : Charge.ofUnits(units);
    }
    return new Charge(units, amount, money.currency());
  }

  private static boolean isPositive(@Nullable BigDecimal number) {
    return number != null && number.signum() > 0;
  }

  /**
   * Whether all reported amounts can be read and are zero: part of a deduction is not known to be
   * it.
   */
  private static boolean isNothing(JsonNode task) {
    List<JsonNode> amounts = new ArrayList<>();
    for (JsonNode older :
        List.of(
            task.path("final_unit_deduction"),
            task.path("final_balance_deduction").path("quota"))) {
      if (!older.isMissingNode() && !older.isNull() && !older.asText("x").isEmpty()) {
        amounts.add(older);
      }
    }
    if (amounts.isEmpty()) {
      task.path("billing").forEach(entry -> amounts.add(entry.path("amount")));
    }
    return amounts.stream()
        .allMatch(
            one -> {
              BigDecimal number = number(one);
              return number != null && number.signum() == 0;
            });
  }

  /**
   * The money in an older balance deduction, or among the newer billing entries; entries of more
   * than one currency, or with one that cannot be read, are no amount. Null where there is no
   * money.
   */
  private static @Nullable Charge money(JsonNode charges) {
    if (charges.isObject()) {
      BigDecimal quota = number(charges.get("quota"));
      return quota == null ? null : new Charge(null, quota, null);
    }
    BigDecimal sum = null;
    String currency = null;
    for (JsonNode entry : charges) {
      BigDecimal amount = number(entry.get("amount"));
      if (!"cash".equals(entry.path("charge_type").asText())) {
        continue;
      }
      if (amount == null) {
        return null;
      }
      String named = currency(entry.path("currency").asText(""));
      if (sum != null && !Objects.equals(named, currency)) {
        return null;
      }
      currency = named;
      sum = sum == null ? amount : sum.add(amount);
    }
    return sum == null || !fits(sum) ? null : new Charge(null, sum, currency);
  }

  /** As ISO 4217 has them. */
  static @Nullable String currency(String named) {
    return named.matches("[A-Z]{3}") ? named : null;
  }

  /**
   * The units among the newer generation's billing entries; cash is not units, and nothing is
   * nothing of either. Null where no entry has an amount or one cannot be read: not known is not
   * zero.
   */
  private static @Nullable BigDecimal units(JsonNode billing) {
    BigDecimal sum = null;
    for (JsonNode entry : billing) {
      BigDecimal amount = number(entry.get("amount"));
      boolean unit = "unit".equals(entry.path("charge_type").asText());
      if (unit && amount == null) {
        return null;
      }
      if (amount != null && (unit || amount.signum() == 0)) {
        sum = sum == null ? amount : sum.add(amount);
      }
    }
    return sum == null || fits(sum) ? sum : null;
  }

  private static @Nullable String text(JsonNode object, String key) {
    JsonNode value = object.get(key);
    return value == null || value.isNull() || value.isContainerNode() ? null : value.asText();
  }

  /** An amount; whatever cannot be one is not known. */
  static @Nullable BigDecimal number(@Nullable JsonNode value) {
    if (value == null
        || value.isNull()
        || value.isContainerNode()
        || value.asText().length() > KlingDocument.MAX_NUMBER) {
      return null;
    }
    try {
      BigDecimal number = new BigDecimal(value.asText());
      return fits(number) ? number : null;
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static boolean fits(BigDecimal units) {
    return units.signum() >= 0
        && units.scale() <= MAX_UNIT_DECIMALS
        && (long) units.precision() - units.scale() <= MAX_UNIT_DIGITS;
  }

  static @Nullable Instant time(@Nullable JsonNode value) {
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
