package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.DecimalNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.klingtracker.json.Empty;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A rule over more than one field. Rules look only at values that are sound by themselves; what is
 * not, its own field has refused already.
 *
 * @param doc the rule in a sentence, for documents
 * @param check refuses or warns
 */
record Rule(String doc, BiConsumer<RequestView, Findings> check) {

  /** Kling's axes; which of pan and tilt is which the sources dispute, the range they share. */
  static final List<String> AXES = List.of("horizontal", "vertical", "pan", "tilt", "roll", "zoom");

  /** Seconds of a video whose request does not say. */
  static final int DEFAULT_SECONDS = 5;

  /** More shots than any model takes; its own field refuses what is beyond. */
  private static final int MAX_SHOTS = 100;

  private static final Pattern VOICE = Pattern.compile("<<<voice_([0-9]{1,9})>>>");
  private static final Pattern ELEMENT = Pattern.compile("<<<element_([0-9]{1,9})>>>");

  /** What is asked, and of which model version; null when the version is not in our table. */
  record RequestView(JsonNode root, @Nullable Model model) {

    JsonNode get(String field) {
      return root.path(field);
    }

    boolean has(String field) {
      return !Empty.is(root.path(field));
    }

    /** Whether there is something at a path of names, such as {@code settings.audio}. */
    boolean hasAt(String path) {
      JsonNode value = root;
      for (String name : path.split("\\.")) {
        value = value.path(name);
      }
      return !Empty.is(value);
    }

    boolean has(JsonNode object, String field) {
      return new RequestView(object, model).has(field);
    }

    String word(String field, String defaultValue) {
      return root.path(field).asText(defaultValue);
    }

    /** The texts that the video will be made from. */
    List<String> prompts() {
      List<String> texts = new ArrayList<>();
      if (Field.AppliesWhen.SINGLE_SHOT_OR_INTELLIGENCE.in(root)) {
        texts.add(word("prompt", ""));
      }
      if (Field.AppliesWhen.CUSTOMIZED_SHOTS.in(root)) {
        get("multi_prompt").forEach(shot -> texts.add(shot.path("prompt").asText("")));
      }
      return texts;
    }

    /** Where the newer generation keeps such fields. */
    JsonNode settings(String field) {
      return root.path("settings").path(field);
    }

    /** By what motion control goes; empty where it is not said. */
    String orientation(Kind.Dialect dialect) {
      return dialect == Kind.Dialect.NEWER
          ? settings("character_orientation").asText("")
          : word("character_orientation", "");
    }

    /** The parts of {@code contents} of some types. */
    long contents(String... types) {
      long count = 0;
      for (JsonNode part : get("contents")) {
        if (List.of(types).contains(part.path("type").asText())) {
          count++;
        }
      }
      return count;
    }

    /** How many videos are put in, in the newer generation. */
    int videos() {
      return (int) contents("feature_video", "base_video", "video");
    }

    /** True when the list is there and some text refers to one of its entries. */
    boolean speaks() {
      return get("voice_list").size() > 0
          && prompts().stream().anyMatch(text -> VOICE.matcher(text).find());
    }
  }

  static final Rule SHOTS_ADD_UP =
      new Rule(
          "the seconds of multi_prompt add up to duration",
          (request, findings) -> {
            OptionalInt whole =
                request.has("duration")
                    ? FieldType.Seconds.read(request.get("duration"))
                    : OptionalInt.of(DEFAULT_SECONDS);
            JsonNode shots = request.get("multi_prompt");
            if (!Field.AppliesWhen.CUSTOMIZED_SHOTS.in(request.root())
                || !shots.isArray()
                || shots.isEmpty()
                || whole.isEmpty()) {
              return;
            }
            int sum = 0;
            for (int i = 0; i < shots.size(); i++) {
              JsonNode seconds = shots.get(i).path("duration");
              OptionalInt read = FieldType.Seconds.read(seconds);
              if (read.isEmpty()) {
                return;
              }
              if (read.getAsInt() > whole.getAsInt()) {
                findings.refuse(
                    "multi_prompt[" + i + "].duration",
                    seconds,
                    "must not be longer than the task's duration of "
                        + whole.getAsInt()
                        + " seconds");
              }
              sum += read.getAsInt();
            }
            if (sum != whole.getAsInt()) {
              findings.refuse(
                  "multi_prompt",
                  shots,
                  "its durations add up to %s, must add up to duration, %s"
                      .formatted(sum, whole.getAsInt()));
            }
          });

  static final Rule SHOTS_ARE_NUMBERED_ONCE =
      new Rule(
          "no two items of multi_prompt have the same index",
          (request, findings) -> {
            if (!Field.AppliesWhen.CUSTOMIZED_SHOTS.in(request.root())) {
              return;
            }
            JsonNode shots = request.get("multi_prompt");
            if (!shots.isArray()) {
              return;
            }
            List<Long> seen = new ArrayList<>();
            for (int i = 0; i < Math.min(shots.size(), MAX_SHOTS); i++) {
              JsonNode index = shots.get(i).path("index");
              if (index.isIntegralNumber() && seen.contains(index.longValue())) {
                findings.refuse(
                    "multi_prompt[" + i + "].index", index, "must not be used for two shots");
              }
              seen.add(index.longValue());
            }
          });

  static final Rule VOICES_NEED_SOUND =
      new Rule(
          "voice_list needs sound: on",
          (request, findings) -> {
            if (request.get("voice_list").size() > 0
                && !request.word("sound", "off").equals("on")) {
              findings.refuse("voice_list", request.get("voice_list"), "needs sound to be on");
            }
          });

  static final Rule VOICES_EXIST =
      new Rule(
          "<<<voice_n>>> in a prompt names an entry of voice_list, counted from 1",
          (request, findings) -> {
            int voices = request.get("voice_list").size();
            for (String text : request.prompts()) {
              Matcher reference = VOICE.matcher(text);
              while (reference.find()) {
                int n = Integer.parseInt(reference.group(1));
                if (n < 1 || n > voices) {
                  findings.refuse(
                      "prompt",
                      TextNode.valueOf(reference.group()),
                      "voice_list has " + (voices == 1 ? "1 entry" : voices + " entries"));
                }
              }
            }
            if (voices > 0 && !request.speaks()) {
              findings.warn("voice_list is given and no prompt refers to it with <<<voice_1>>>");
            }
          });

  static final Rule VOICES_OR_ELEMENTS =
      new Rule(
          "voice_list and element_list exclude each other",
          (request, findings) -> {
            if (request.get("voice_list").size() > 0 && request.get("element_list").size() > 0) {
              findings.refuse(
                  "element_list",
                  request.get("element_list"),
                  "cannot be combined with voice_list; leave one of them out");
            }
          });

  static final Rule ELEMENTS_EXIST =
      new Rule(
          "<<<element_n>>> in a prompt should name an entry of element_list (a warning)",
          (request, findings) -> {
            for (String text : request.prompts()) {
              Matcher reference = ELEMENT.matcher(text);
              while (reference.find()) {
                int n = Integer.parseInt(reference.group(1));
                if (n < 1 || n > request.get("element_list").size()) {
                  findings.warn(reference.group() + " names no entry of element_list");
                }
              }
            }
          });

  static final Rule FITS_MODE =
      new Rule(
          "what only some modes of a model have needs one of them",
          (request, findings) -> {
            Model model = request.model();
            if (model == null) {
              return;
            }
            String mode = request.word("mode", "std");
            model
                .modes()
                .forEach(
                    (field, modes) -> {
                      boolean used = request.has(field) && !request.word(field, "").equals("off");
                      if (used && !modes.contains(mode)) {
                        findings.refuse(
                            field,
                            request.get(field),
                            "needs mode %s, mode is %s"
                                .formatted(String.join(" or ", modes), mode));
                      }
                    });
          });

  static final Rule CAMERA =
      new Rule(
          "camera_control of type simple has exactly one axis that is not zero; no other type has"
              + " config",
          (request, findings) -> {
            JsonNode camera = request.get("camera_control");
            JsonNode config = camera.path("config");
            boolean configured = !config.isMissingNode();
            if (!camera.path("type").asText().equals("simple")) {
              if (camera.path("type").isTextual() && configured) {
                findings.refuse(
                    "camera_control.config", config, "must be left out unless type is simple");
              }
              return;
            }
            long moving =
                AXES.stream()
                    .map(config::path)
                    .filter(n -> n.isNumber() && n.decimalValue().compareTo(BigDecimal.ZERO) != 0)
                    .count();
            if (!configured) {
              findings.missing("camera_control.config", "it is required when type is simple");
            } else if (moving != 1 && config.isObject()) {
              findings.refuse(
                  "camera_control.config",
                  config,
                  "exactly one of %s must not be zero, %s are not"
                      .formatted(String.join(", ", AXES), moving));
            }
          });

  /** At least one of the fields. */
  static Rule anyOf(String literal, List<String> fields) {
    String doc = "needs " + String.join(" or ", fields);
    return new Rule(
        doc,
        (request, findings) -> {
          if (fields.stream().noneMatch(request::has)) {
            findings.missing(String.join(", ", fields), literal);
          }
        });
  }

  /** One of the fields, and only one. */
  static Rule oneOf(List<String> fields) {
    String doc = "needs exactly one of " + String.join(", ", fields);
    return new Rule(
        doc,
        (request, findings) -> {
          List<String> given = fields.stream().filter(request::has).toList();
          if (given.isEmpty()) {
            findings.missing(String.join(", ", fields), doc);
          } else if (given.size() > 1) {
            findings.refuse(given.get(1), request.get(given.get(1)), doc);
          }
        });
  }

  /** Groups of fields of which only one may be used. */
  static Rule exclusive(List<List<String>> groups) {
    String doc =
        String.join(", ", groups.stream().map(g -> String.join("/", g)).toList())
            + " exclude each other";
    return new Rule(
        doc,
        (request, findings) -> {
          List<String> given =
              groups.stream().flatMap(g -> g.stream().filter(request::has).limit(1)).toList();
          if (given.size() > 1) {
            findings.refuse(given.get(1), request.get(given.get(1)), doc);
          }
        });
  }

  /** The aspect ratio of an omni video comes from its first frame or edited video, or is given. */
  static final Rule RATIO_WITHOUT_FRAME =
      new Rule(
          "aspect_ratio is required without a first frame or a video to edit",
          (request, findings) -> {
            boolean framed = false;
            for (JsonNode image : request.get("image_list")) {
              framed |= image.path("type").asText().equals("first_frame");
            }
            for (JsonNode video : request.get("video_list")) {
              framed |= video.path("refer_type").asText("base").equals("base");
            }
            if (!framed && !request.has("aspect_ratio")) {
              findings.missing(
                  "aspect_ratio", "it is required without a first frame or a video to edit");
            }
          });

  /** What goes with a video that is put in, in the newer generation. */
  static final Rule VIDEOS_PUT_IN =
      new Rule(
          "a feature_video goes with settings.audio off and with multi_shot only where shot_type is"
              + " intelligence; a base_video without frames, multi_shot and native audio",
          (request, findings) -> {
            boolean shots = FieldType.Flag.read(request.settings("multi_shot"));
            String audio = request.settings("audio").asText("off");
            if (request.contents("feature_video") > 0) {
              if (!audio.equals("off")) {
                findings.refuse(
                    "settings.audio",
                    request.settings("audio"),
                    "must be off with a feature_video");
              }
              if (shots && !request.settings("shot_type").asText("").equals("intelligence")) {
                findings.refuse(
                    "settings.multi_shot",
                    request.settings("multi_shot"),
                    "needs settings.shot_type intelligence with a feature_video");
              }
            }
            if (request.contents("base_video") > 0) {
              if (request.contents("first_frame", "middle_frame", "last_frame") > 0) {
                findings.refuse(
                    "contents", request.get("contents"), "must hold no frames with a base_video");
              }
              if (shots) {
                findings.refuse(
                    "settings.multi_shot",
                    request.settings("multi_shot"),
                    "must be false with a base_video");
              }
              if (audio.equals("native")) {
                findings.refuse(
                    "settings.audio",
                    request.settings("audio"),
                    "must be original or off with a base_video");
              }
            }
          });

  /** An element is made of pictures or of a video. */
  static final Rule ELEMENT_REFERENCE =
      new Rule(
          "reference_type image_refer needs element_image_list, video_refer element_video_list",
          (request, findings) -> {
            String list =
                switch (request.word("reference_type", "")) {
                  case "image_refer" -> "element_image_list";
                  case "video_refer" -> "element_video_list";
                  default -> "";
                };
            if (!list.isEmpty() && !request.has(list)) {
              findings.missing(
                  list, "it is required with reference_type " + request.word("reference_type", ""));
            }
          });

  /** Either one picture or two, for effects. */
  static final Rule EFFECT_INPUT =
      new Rule(
          "input holds image, or images",
          (request, findings) -> {
            JsonNode input = request.get("input");
            if (input.isObject() && !request.has(input, "image") && !request.has(input, "images")) {
              findings.missing("input.image, input.images", "one of them is required");
            }
          });

  /** How far a picture may be expanded. */
  static final Rule EXPANDED_AREA =
      new Rule(
          "the expanded picture is at most 3 times the original",
          (request, findings) -> {
            BigDecimal area = side(request, "left", "right").multiply(side(request, "up", "down"));
            if (area.compareTo(BigDecimal.valueOf(3)) > 0) {
              findings.refuse(
                  "expansion ratios",
                  DecimalNode.valueOf(area),
                  "the new area must be at most 3 times the original");
            }
          });

  private static BigDecimal side(RequestView request, String one, String other) {
    return BigDecimal.ONE.add(ratio(request, one)).add(ratio(request, other));
  }

  private static BigDecimal ratio(RequestView request, String side) {
    JsonNode value = request.get(side + "_expansion_ratio");
    boolean sound =
        value.isNumber()
            && value.decimalValue().signum() >= 0
            && value.decimalValue().compareTo(BigDecimal.valueOf(2)) <= 0
            // A scale of a million digits would make the sum as long.
            && value.decimalValue().scale() < 100;
    return sound ? value.decimalValue() : BigDecimal.ZERO;
  }

  /** Those without values of their own, by the name that the catalogue has for them. */
  private static final Map<String, Rule> NAMED =
      Map.ofEntries(
          Map.entry("shots-add-up", SHOTS_ADD_UP),
          Map.entry("shots-are-numbered-once", SHOTS_ARE_NUMBERED_ONCE),
          Map.entry("voices-need-sound", VOICES_NEED_SOUND),
          Map.entry("voices-exist", VOICES_EXIST),
          Map.entry("voices-or-elements", VOICES_OR_ELEMENTS),
          Map.entry("elements-exist", ELEMENTS_EXIST),
          Map.entry("fits-mode", FITS_MODE),
          Map.entry("camera", CAMERA),
          Map.entry("ratio-without-frame", RATIO_WITHOUT_FRAME),
          Map.entry("videos-put-in", VIDEOS_PUT_IN),
          Map.entry("element-reference", ELEMENT_REFERENCE),
          Map.entry("effect-input", EFFECT_INPUT),
          Map.entry("expanded-area", EXPANDED_AREA));

  /**
   * Reads a rule's name, or a rule of fields such as {@code {one-of: [audio_id, sound_file]}}.
   *
   * @param fields those of the kind, by path
   */
  static Rule read(CatalogNode line, Set<String> fields) {
    if (!line.isMapping()) {
      return Objects.requireNonNull(NAMED.get(line.word(new TreeSet<>(NAMED.keySet()))));
    }
    Map<String, CatalogNode> parts = line.members(List.of("any-of", "one-of", "exclusive", "says"));
    if (parts.containsKey("any-of")) {
      return anyOf(line.need("says").text(), fields(line.need("any-of"), fields));
    }
    return parts.containsKey("one-of")
        ? oneOf(fields(line.need("one-of"), fields))
        : exclusive(
            line.need("exclusive").items().stream().map(group -> fields(group, fields)).toList());
  }

  /** One field, or several in a list. */
  private static List<String> fields(CatalogNode line, Set<String> known) {
    for (CatalogNode name : line.isList() ? line.items() : List.of(line)) {
      if (!known.contains(name.text())) {
        throw name.fault("the kind has no such field, is '%s'".formatted(name.text()));
      }
    }
    return line.words();
  }
}
