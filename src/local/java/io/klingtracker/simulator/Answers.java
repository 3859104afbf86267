package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.UUID;

/** The JSON of Kling's answers and callbacks, keys in the order in which they were recorded. */
final class Answers {

  private static final long URL_LIFE_SECONDS = 2_592_000;
  private static final String KEY_PAIR = "APKASIMULATED0000000";

  /** Words of the new generation for the legacy ones. */
  private static final Map<String, String> NEW_WORDS = Map.of("succeed", "succeeded");

  private final SimulatorSettings settings;
  private final String mediaUrl;
  private final Random random;

  Answers(SimulatorSettings settings, String publicUrl) {
    this.settings = settings;
    this.mediaUrl = publicUrl + "/media/";
    this.random = new Random(settings.seed + 1);
  }

  ObjectNode success(JsonNode data) {
    ObjectNode answer = Json.object();
    answer.put("code", 0);
    answer.put("message", "SUCCEED");
    answer.put("request_id", requestId());
    answer.set("data", data);
    return answer;
  }

  /** The answer of a create. */
  ObjectNode accepted(SimulatedTask task) {
    ObjectNode answer = success(created(task));
    if (settings.answersTersely && task.order.product().isNewGeneration()) {
      answer.put("message", "");
    }
    return answer;
  }

  ObjectNode refusal(int code, String message) {
    return Json.object().put("code", code).put("message", message).put("request_id", requestId());
  }

  /** A seeded UUID of version 4. */
  synchronized String requestId() {
    long high = (random.nextLong() & ~0xF000L) | 0x4000L;
    long low = (random.nextLong() & 0x3FFFFFFFFFFFFFFFL) | 0x8000000000000000L;
    return new UUID(high, low).toString();
  }

  private ObjectNode created(SimulatedTask task) {
    SimulatedTask.Order order = task.order;
    ObjectNode data = Json.object();
    if (order.product().isNewGeneration()) {
      data.put("id", order.id());
      data.put("status", "submitted");
      data.put("create_time", order.createdAt());
      data.put("update_time", order.createdAt());
      if (order.externalId() != null || !settings.answersTersely) {
        data.put("external_id", order.externalId() == null ? "" : order.externalId());
      }
      return data;
    }
    data.put("task_id", order.id());
    data.put("task_status", "submitted");
    data.set("task_info", taskInfo(order));
    data.put("created_at", order.createdAt());
    data.put("updated_at", order.createdAt());
    return data;
  }

  /** A row of a list. */
  ObjectNode listed(ObjectNode row, SimulatedTask task) {
    return settings.listsShowOrders
        ? row.put("model_name", task.order.model()).put("prompt", task.order.prompt())
        : row;
  }

  private static ObjectNode taskInfo(SimulatedTask.Order order) {
    ObjectNode info = Json.object();
    if (order.externalId() != null) {
      info.put("external_task_id", order.externalId());
    }
    return info;
  }

  ObjectNode queried(SimulatedTask task) {
    SimulatedTask.Order order = task.order;
    ObjectNode data = Json.object();
    data.put("task_id", order.id());
    data.put("task_status", task.status);
    data.put("task_status_msg", task.message);
    data.set("task_info", taskInfo(order));
    data.set("task_result", task.status.equals("succeed") ? result(task) : Json.object());
    if (task.isFinal()) {
      data.set("watermark_info", Json.object().put("enabled", order.watermark()));
      addCosts(data, task);
    }
    data.put("created_at", order.createdAt());
    data.put("updated_at", task.updatedAt);
    return data;
  }

  private void addCosts(ObjectNode data, SimulatedTask task) {
    boolean refunded = task.status.equals("failed") && settings.refundsFailed;
    BigDecimal units = refunded ? BigDecimal.ZERO : task.order.units();
    SimulatorSettings.Cash cash = settings.cash;
    String amount = cash == null ? "0" : cash.of(units).toPlainString();
    data.put("final_unit_deduction", cash == null ? units.toPlainString() : "0");
    data.set(
        "final_balance_deduction", Json.object().put("quota", amount).put("list_price", amount));
  }

  /** A legacy callback: compact, always with all three arrays. */
  ObjectNode callback(SimulatedTask task, String status, String message) {
    SimulatedTask.Order order = task.order;
    ObjectNode result = Json.object();
    ObjectNode all = status.equals("succeed") ? result(task) : Json.object();
    for (String array : new String[] {"images", "videos", "audios"}) {
      result.set(array, all.has(array) ? all.get(array) : Json.MAPPER.createArrayNode());
    }
    for (String array : new String[] {"voices", "elements"}) {
      if (all.has(array)) {
        result.set(array, all.get(array));
      }
    }
    ObjectNode body = Json.object();
    body.put("task_id", order.id());
    body.put("task_status", status);
    body.set("task_info", taskInfo(order));
    body.set("task_result", result);
    body.put("task_status_msg", message);
    body.put("created_at", order.createdAt());
    body.put("updated_at", task.updatedAt);
    if (settings.costsInCallbacks && (status.equals("succeed") || status.equals("failed"))) {
      addCosts(body, task);
    }
    return body;
  }

  /** A callback of the new generation. */
  ObjectNode newCallback(SimulatedTask task, String status, String message) {
    ObjectNode body = Json.object();
    body.put("id", task.order.id());
    body.put("status", NEW_WORDS.getOrDefault(status, status));
    body.set("outputs", status.equals("succeed") ? outputs(task) : Json.MAPPER.createArrayNode());
    body.put("message", message);
    body.put("create_time", task.order.createdAt());
    body.put("update_time", task.updatedAt);
    if (task.order.externalId() != null) {
      body.put("external_id", task.order.externalId());
    }
    return body;
  }

  /** A task as the new generation tells it. */
  ObjectNode newTask(SimulatedTask task) {
    ObjectNode data = Json.object();
    data.put("id", task.order.id());
    data.put("status", NEW_WORDS.getOrDefault(task.status, task.status));
    data.put("message", task.message);
    data.put("create_time", task.order.createdAt());
    data.put("update_time", task.updatedAt);
    data.put("external_id", task.order.externalId() == null ? "" : task.order.externalId());
    data.set(
        "outputs", task.status.equals("succeed") ? outputs(task) : Json.MAPPER.createArrayNode());
    ArrayNode billing = data.putArray("billing");
    if (task.isFinal() && task.status.equals("failed") && settings.refundsFailed) {
      billing.addObject().put("amount", "0");
    } else if (task.isFinal() && settings.cash != null) {
      SimulatorSettings.Cash cash = settings.cash;
      String amount = cash.of(task.order.units()).toPlainString();
      billing
          .addObject()
          .put("charge_type", "cash")
          .put("cash_type", "balance")
          .put("currency", cash.currency())
          .put("amount", amount)
          .put("list_price", amount);
    } else if (task.isFinal()) {
      billing
          .addObject()
          .put("charge_type", "unit")
          .put("amount", task.order.units().toPlainString())
          .put("package_type", task.order.product().family().name().toLowerCase(Locale.ROOT));
    }
    return data;
  }

  private ArrayNode outputs(SimulatedTask task) {
    ArrayNode outputs = Json.MAPPER.createArrayNode();
    for (JsonNode video : result(task).path("videos")) {
      outputs.addObject().put("type", "video").setAll((ObjectNode) video);
    }
    return outputs;
  }

  private ObjectNode result(SimulatedTask task) {
    ObjectNode result = Json.object();
    for (Product.Result kind : task.order.product().results()) {
      ArrayNode array = result.putArray(kind.name().toLowerCase(Locale.ROOT));
      for (int index = 0; index < task.order.count(); index++) {
        array.add(item(kind, task, index));
      }
    }
    return result;
  }

  private ObjectNode item(Product.Result kind, SimulatedTask task, int index) {
    SimulatedTask.Order order = task.order;
    ObjectNode item = Json.object();
    switch (kind) {
      case VIDEOS -> {
        item.put("id", order.resultId());
        item.put("url", url(task, index, "mp4"));
        if (order.watermark()) {
          item.put("watermark_url", url(task, index, "mp4"));
        }
        // Never exactly what was ordered.
        item.put("duration", String.format(Locale.ROOT, "%.3f", order.seconds() + 0.042));
      }
      case IMAGES -> item.put("index", index).put("url", url(task, index, "jpg"));
      case AUDIOS ->
          item.put("id", order.resultId())
              .put("url_mp3", url(task, index, "mp3"))
              .put("url_wav", url(task, index, "mp3"))
              .put("duration_mp3", "1.042")
              .put("duration_wav", "1.042");
      case VOICES ->
          item.put("voice_id", order.resultId())
              .put("voice_name", "voice")
              .put("trial_url", url(task, index, "mp3"))
              .put("owned_by", order.account());
      case ELEMENTS -> item.put("element_id", Long.parseLong(order.resultId()));
    }
    return item;
  }

  private String url(SimulatedTask task, int index, String extension) {
    long expires = task.updatedAt / 1000 + URL_LIFE_SECONDS;
    String name = task.order.resultId() + (index == 0 ? "" : "-" + index);
    return mediaUrl
        + name
        + "."
        + extension
        + "?x-kcdn-pid=112781&Expires="
        + expires
        + "&Signature="
        + Long.toHexString(expires * 31 + Long.parseLong(task.order.id()))
        + "&Key-Pair-Id="
        + KEY_PAIR;
  }

  /** Kling's own voices or elements; always the same. */
  ArrayNode presets(String path) {
    boolean voices = path.endsWith("voices");
    ArrayNode data = Json.MAPPER.createArrayNode();
    for (int i = 1; i <= 3; i++) {
      String id = "82983680279340655" + i;
      ObjectNode preset =
          data.addObject()
              .put("task_id", id)
              .put("task_status", "succeed")
              .putObject("task_result")
              .putArray(voices ? "voices" : "elements")
              .addObject();
      if (voices) {
        preset.put("voice_id", id).put("voice_name", "preset " + i);
      } else {
        preset.put("element_id", Long.parseLong(id)).put("element_name", "preset " + i);
      }
      preset.put("owned_by", "kling");
    }
    return data;
  }

  /** What a synchronous product answers at once. */
  ObjectNode synchronous(String path, Snowflakes ids) {
    long now = settings.clock.millis();
    ObjectNode data = Json.object();
    String id = ids.next(now);
    String url = mediaUrl + id;
    if (path.endsWith("/identify-face")) {
      data.put("session_id", id);
      data.putArray("face_data")
          .addObject()
          .put("face_id", "0")
          .put("face_image", url + ".jpg")
          .put("start_time", 0)
          .put("end_time", 5000);
      return data;
    }
    if (path.contains("/delete-")) {
      return data;
    }
    if (path.endsWith("/image-recognize")) {
      ArrayNode images = data.putObject("task_result").putArray("images");
      for (String type : new String[] {"object_seg", "head_seg", "face_seg", "cloth_seg"}) {
        images.addObject().put("type", type).put("is_contain", true).put("url", url + ".jpg");
      }
      return data;
    }
    data.put("task_id", id);
    data.put("task_status", "succeed");
    data.put("task_status_msg", "");
    data.putObject("task_result")
        .putArray("audios")
        .addObject()
        .put("id", ids.next(now))
        .put("url", url + ".mp3")
        .put("duration", "1.042");
    data.put("created_at", now);
    data.put("updated_at", now);
    return data;
  }
}
