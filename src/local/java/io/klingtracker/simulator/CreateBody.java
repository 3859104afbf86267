package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a create asks for, after Kling's checks of its fields.
 *
 * @param prompt the whole text, for words that steer the simulator
 */
record CreateBody(
    String model,
    String prompt,
    int slots,
    int count,
    @Nullable String externalId,
    @Nullable String callbackUrl,
    boolean watermark,
    double seconds,
    BigDecimal units) {

  private static final int MAX_PROMPT = 2500;
  private static final int MAX_SHOT = 512;
  private static final int MAX_SHOTS = 6;
  private static final Set<String> TEXT_MODELS =
      Set.of(
          "kling-v1",
          "kling-v1-6",
          "kling-v2-master",
          "kling-v2-1-master",
          "kling-v2-5-turbo",
          "kling-v2-6",
          "kling-v3");
  private static final Map<String, String> DEFAULT_MODELS =
      Map.of(
          "/v1/videos/omni-video", "kling-video-o1",
          "/v1/videos/multi-image2video", "kling-v1-6",
          "/v1/videos/motion-control", "kling-v2-6",
          "/v1/images/kolors-virtual-try-on", "kolors-virtual-try-on-v1");

  static CreateBody of(
      Product product, String requestPath, ObjectNode body, SimulatorSettings switches) {
    return product.isNewGeneration()
        ? ofNewGeneration(product, requestPath, body, switches)
        : ofLegacy(product, body, switches);
  }

  private static CreateBody ofLegacy(Product product, ObjectNode body, SimulatorSettings settings) {
    String named = text(body, "model_name");
    String model = named != null ? named : DEFAULT_MODELS.getOrDefault(product.path(), "kling-v1");
    if (named != null) {
      checkRetired(named, settings);
    }
    if (product.path().equals(Product.TEXT2VIDEO)) {
      checkText2Video(model, body, settings);
    } else if (isMissing(product, body)) {
      throw Refusal.invalid(product.required() + " can not be null");
    }
    double seconds = body.path("duration").asDouble(5);
    int count = product.family() == Product.Family.IMAGE ? body.path("n").asInt(1) : 1;
    if (count < 1 || count > 9) {
      throw Refusal.invalid("n value '" + count + "' is invalid");
    }
    String mode = body.path("mode").asText("std");
    boolean sound = body.path("sound").asText("off").equals("on");
    return new CreateBody(
        model,
        body.path("prompt").asText(""),
        count,
        count,
        text(body, "external_task_id"),
        callbackUrl(text(body, "callback_url")),
        body.path("watermark_info").path("enabled").asBoolean(),
        seconds,
        Prices.units(product, model, mode, sound, seconds, count));
  }

  private static boolean isMissing(Product product, ObjectNode body) {
    boolean hasTail =
        product.path().equals("/v1/videos/image2video") && text(body, "image_tail") != null;
    JsonNode required = body.path(product.required());
    return !product.required().isEmpty()
        && !hasTail
        && (required.isContainerNode() ? required.isEmpty() : required.asText("").isEmpty());
  }

  private static void checkText2Video(String model, ObjectNode body, SimulatorSettings settings) {
    requireOneOf("model_name", model, TEXT_MODELS);
    checkPrompt(body, settings);
    if (body.path("negative_prompt").asText("").length() > MAX_PROMPT) {
      throw Refusal.invalid("negative_prompt is longer than " + MAX_PROMPT + " characters");
    }
    Set<String> modes =
        model.equals("kling-v3") ? Set.of("std", "pro", "4k") : Set.of("std", "pro");
    requireOneOf("mode", body.path("mode").asText("std"), modes);
    requireOneOf("sound", body.path("sound").asText("off"), Set.of("on", "off"));
    requireOneOf(
        "aspect_ratio", body.path("aspect_ratio").asText("16:9"), Set.of("16:9", "9:16", "1:1"));
    JsonNode scale = body.path("cfg_scale");
    if (!scale.isMissingNode() && (scale.asDouble(-1) < 0 || scale.asDouble(-1) > 1)) {
      throw Refusal.invalid("cfg_scale value '" + scale.asText() + "' is invalid");
    }
    checkDuration(model, body.path("duration"), settings);
  }

  private static void checkPrompt(ObjectNode body, SimulatorSettings settings) {
    JsonNode multiShot = body.path("multi_shot");
    if (settings.strictTypes && multiShot.isTextual()) {
      throw Refusal.invalid("multi_shot value '" + multiShot.asText() + "' is invalid");
    }
    String prompt = body.path("prompt").asText("");
    boolean needsPrompt =
        !multiShot.asBoolean() || body.path("shot_type").asText().equals("intelligence");
    if (needsPrompt && prompt.isBlank()) {
      throw Refusal.invalid("prompt can not be null");
    }
    if (prompt.length() > MAX_PROMPT) {
      throw Refusal.invalid("prompt is longer than " + MAX_PROMPT + " characters");
    }
    if (multiShot.asBoolean()) {
      requireOneOf(
          "shot_type", body.path("shot_type").asText(), Set.of("customize", "intelligence"));
      if (!needsPrompt) {
        checkShots(body);
      }
    }
  }

  private static void checkShots(ObjectNode body) {
    JsonNode shots = body.path("multi_prompt");
    if (!shots.isArray() || shots.isEmpty() || shots.size() > MAX_SHOTS) {
      throw Refusal.invalid("multi_prompt must have 1 to " + MAX_SHOTS + " items");
    }
    int sum = 0;
    for (JsonNode shot : shots) {
      if (shot.path("prompt").asText("").length() > MAX_SHOT) {
        throw Refusal.invalid("multi_prompt prompt is longer than " + MAX_SHOT + " characters");
      }
      sum += shot.path("duration").asInt(0);
    }
    if (sum != body.path("duration").asInt(5)) {
      throw Refusal.invalid("multi_prompt durations do not add up to duration");
    }
  }

  private static void checkDuration(String model, JsonNode duration, SimulatorSettings settings) {
    if (duration.isMissingNode() || duration.isNull()) {
      return;
    }
    int seconds = duration.asInt(0);
    boolean wholeNumber = duration.asText().equals(Integer.toString(seconds));
    boolean rightType = duration.isTextual() || !settings.strictTypes;
    boolean inRange =
        model.equals("kling-v3") ? seconds >= 3 && seconds <= 15 : seconds == 5 || seconds == 10;
    if (!wholeNumber || !rightType || !inRange) {
      throw Refusal.invalid("duration value '" + duration.asText() + "' is invalid");
    }
  }

  private static CreateBody ofNewGeneration(
      Product product, String requestPath, ObjectNode body, SimulatorSettings switches) {
    if (requestPath.length() <= product.path().length() + 1) {
      throw new Refusal(404, 1203, "The requested resource does not exist");
    }
    String model = requestPath.substring(product.path().length() + 1);
    checkRetired(model, switches);
    if (body.path("prompt").asText("").isBlank() && body.path("contents").isEmpty()) {
      throw Refusal.invalid("prompt can not be null");
    }
    JsonNode settings = body.path("settings");
    JsonNode options = body.path("options");
    int seconds = settings.path("duration").asInt(5);
    int longest = model.startsWith("kling-4") ? 30 : 15;
    if (switches.checksSettings && (seconds < 3 || seconds > longest)) {
      throw Refusal.invalid(
          "duration value '" + settings.path("duration").asText() + "' is invalid");
    }
    if (product.path().equals(Product.MOTION)) {
      requireOneOf(
          "character_orientation",
          settings.path("character_orientation").asText(),
          Set.of("image", "video"));
    } else if (switches.needsRatio
        && settings.path("aspect_ratio").asText("").isEmpty()
        && !hasFrame(body)) {
      throw Refusal.invalid("aspect_ratio can not be null");
    }
    String resolution = settings.path("resolution").asText("720p");
    Map<String, String> modes = Map.of("720p", "std", "1080p", "pro", "4k", "4k");
    requireOneOf("resolution", resolution, modes.keySet());
    boolean sound = settings.path("audio").asText("off").equals("native");
    // The same model version, and so the same slots, as on the legacy path.
    String version = model.equals("kling-3.0") ? "kling-v3" : model;
    String callback = text(options, "callback_url");
    String externalId = text(options, "external_task_id");
    return new CreateBody(
        version,
        prompt(body),
        1,
        1,
        switches.withoutExternalIds.contains(model) ? null : externalId,
        switches.withoutCallbacks.contains(model) ? null : callbackUrl(callback),
        options.path("watermark_info").path("enabled").asBoolean(),
        seconds,
        Prices.units(product, version, modes.getOrDefault(resolution, "std"), sound, seconds, 1));
  }

  private static boolean hasFrame(ObjectNode body) {
    for (JsonNode part : body.path("contents")) {
      if (part.path("type").asText().endsWith("_frame")) {
        return true;
      }
    }
    return false;
  }

  private static String prompt(ObjectNode body) {
    for (JsonNode part : body.path("contents")) {
      if (part.path("type").asText().equals("prompt")) {
        return part.path("text").asText("");
      }
    }
    return body.path("prompt").asText("");
  }

  private static void checkRetired(String model, SimulatorSettings switches) {
    if (switches.retiredModels.contains(model)) {
      throw Refusal.invalid(
          "The model '" + model + "' has been discontinued and is no longer available.");
    }
  }

  private static void requireOneOf(String field, String value, Set<String> allowed) {
    if (!allowed.contains(value)) {
      throw Refusal.invalid(field + " value '" + value + "' is invalid");
    }
  }

  private static @Nullable String callbackUrl(@Nullable String url) {
    if (url != null && !url.matches("https?://.+")) {
      throw Refusal.invalid("callback_url value '" + url + "' is invalid");
    }
    return url;
  }

  /** A field's text; empty counts as absent, as in Kling's own examples. */
  private static @Nullable String text(JsonNode node, String field) {
    String value = node.path(field).asText("");
    return value.isEmpty() ? null : value;
  }
}
