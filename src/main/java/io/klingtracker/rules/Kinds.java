package io.klingtracker.rules;

import static io.klingtracker.rules.Field.optional;
import static io.klingtracker.rules.Field.required;

import io.klingtracker.json.Body;
import io.klingtracker.json.Empty;
import io.klingtracker.rules.Field.AppliesWhen;
import io.klingtracker.rules.FieldType.Choice;
import io.klingtracker.rules.FieldType.Decimal;
import io.klingtracker.rules.FieldType.Flag;
import io.klingtracker.rules.FieldType.Id;
import io.klingtracker.rules.FieldType.Items;
import io.klingtracker.rules.FieldType.Media;
import io.klingtracker.rules.FieldType.OneOrMore;
import io.klingtracker.rules.FieldType.OwnId;
import io.klingtracker.rules.FieldType.Seconds;
import io.klingtracker.rules.FieldType.Shape;
import io.klingtracker.rules.FieldType.Text;
import io.klingtracker.rules.FieldType.Url;
import io.klingtracker.rules.FieldType.Whole;
import io.klingtracker.rules.FieldType.WholeOr;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The one table of everything that can be asked of Kling: paths, result arrays, slot families,
 * fields with their ranges, rules across fields.
 *
 * <p>To add a kind, add one row to {@link #ALL}: its path, its slot family and its result arrays,
 * then the fields, models and rules that are worth checking here. Submitting, asking, listing,
 * dispatching, callbacks, events and the OpenAPI document need no more. The kind's name is its path
 * without the first segment, and no two kinds may share one.
 */
public final class Kinds {

  /** Longest {@code external_task_id}; Kling names no limit, our index needs one. */
  private static final int OWN_ID = 255;

  private static final int ID = 255;

  private static final FieldType MODES = new Choice(List.of("std", "pro", "4k"));
  private static final FieldType TWO_MODES = new Choice(List.of("std", "pro"));
  private static final FieldType YES_NO = new Choice(List.of("yes", "no"));
  private static final FieldType VIDEO_RATIOS = new Choice(List.of("16:9", "9:16", "1:1"));
  private static final FieldType AXIS = Decimal.between("-10", "10");
  private static final FieldType UNIT_RANGE = Decimal.between("0", "1");

  private static final Field PROMPT = required("prompt", new Text(Models.PROMPT));
  private static final Field FREE_PROMPT = optional("prompt", new Text(Models.PROMPT));
  private static final Field NEGATIVE = optional("negative_prompt", new Text(Models.PROMPT));
  private static final Field MODE = optional("mode", MODES).defaultValue("std");
  private static final Field RATIO = optional("aspect_ratio", VIDEO_RATIOS).defaultValue("16:9");
  private static final Field DURATION =
      optional("duration", Seconds.between(3, 15)).defaultValue("5");
  private static final Field SOUND =
      optional("sound", new Choice(List.of("on", "off"))).defaultValue("off");
  private static final Field CFG_SCALE = optional("cfg_scale", UNIT_RANGE).defaultValue("0.5");
  private static final Field IMAGES_N = optional("n", new Whole(1, 9)).defaultValue("1");

  private static final List<Field> MULTI_SHOT =
      List.of(
          optional("multi_shot", new Flag()).defaultValue("false"),
          required("shot_type", new Choice(List.of("customize", "intelligence")))
              .appliesWhen(AppliesWhen.MULTI_SHOT),
          PROMPT.appliesWhen(AppliesWhen.SINGLE_SHOT_OR_INTELLIGENCE),
          required(
                  "multi_prompt",
                  new Items(
                      1,
                      Models.MAX_SHOTS,
                      new Shape(
                          List.of(
                              required("index", new Whole(0, Integer.MAX_VALUE)),
                              required("prompt", new Text(Models.SHOT_PROMPT)),
                              required("duration", Seconds.between(1, 15))))))
              .appliesWhen(AppliesWhen.CUSTOMIZED_SHOTS));

  private static final Field VOICES =
      optional(
          "voice_list", new Items(0, 2, new Shape(List.of(required("voice_id", new Text(ID))))));

  private static final Field CAMERA =
      optional(
          "camera_control",
          new Shape(
              List.of(
                  required(
                      "type",
                      new Choice(
                          List.of(
                              "simple",
                              "down_back",
                              "forward_up",
                              "right_turn_forward",
                              "left_turn_forward"))),
                  optional(
                      "config",
                      new Shape(Rule.AXES.stream().map(a -> optional(a, AXIS)).toList())))));

  /** What every kind takes in addition to its own fields. */
  private static final List<Field> COMMON =
      List.of(
          // CONFLICT: the tables call it an array, every example is an object.
          optional(
              "watermark_info", new OneOrMore(new Shape(List.of(optional("enabled", new Flag()))))),
          optional("callback_url", new Url()),
          optional("external_task_id", new OwnId(OWN_ID)));

  private static Field elements(int max) {
    return optional(
        "element_list", new Items(0, max, new Shape(List.of(required("element_id", new Id())))));
  }

  private static FieldType pictures(int min, int max, String field) {
    return new Items(min, max, new Shape(List.of(required(field, new Media()))));
  }

  private static final Kind TEXT2VIDEO =
      Kind.of("videos/text2video", Family.VIDEO, "videos")
          .fields(
              with(
                  MULTI_SHOT,
                  NEGATIVE,
                  VOICES,
                  // Not in the table of text2video, though its prompt text speaks of elements.
                  elements(3),
                  SOUND,
                  CFG_SCALE,
                  MODE,
                  CAMERA,
                  RATIO,
                  DURATION))
          .models(
              Models.V1,
              Models.V1_6,
              Models.V2_MASTER,
              Models.V2_1_MASTER,
              Models.V2_5_TURBO,
              Models.V2_6,
              Models.V3)
          .defaultModel("kling-v1")
          .rules(
              Rule.SHOTS_ADD_UP,
              Rule.SHOTS_ARE_NUMBERED_ONCE,
              Rule.VOICES_NEED_SOUND,
              Rule.VOICES_EXIST,
              Rule.VOICES_OR_ELEMENTS,
              Rule.ELEMENTS_EXIST,
              Rule.SOUND_FITS_MODE,
              Rule.CAMERA);

  private static final Kind IMAGE2VIDEO =
      Kind.of("videos/image2video", Family.VIDEO, "videos")
          .fields(
              with(
                  List.of(
                      optional("image", new Media()),
                      optional("image_tail", new Media()),
                      optional("multi_shot", new Flag()).defaultValue("false"),
                      MULTI_SHOT.get(1),
                      FREE_PROMPT.appliesWhen(AppliesWhen.SINGLE_SHOT_OR_INTELLIGENCE),
                      MULTI_SHOT.get(3)),
                  NEGATIVE,
                  VOICES,
                  elements(3),
                  SOUND,
                  CFG_SCALE,
                  MODE,
                  optional("static_mask", new Media()),
                  optional(
                      "dynamic_masks",
                      new Items(
                          0,
                          6,
                          new Shape(
                              List.of(
                                  required("mask", new Media()),
                                  required(
                                      "trajectories", new Items(2, 77, new Shape(List.of()))))))),
                  CAMERA,
                  DURATION))
          .models(
              Models.V1,
              Models.V1_5,
              Models.V1_6,
              Models.V2_MASTER,
              Models.V2_1,
              Models.V2_1_MASTER,
              Models.V2_5_TURBO,
              Models.V2_6,
              Models.V3)
          .defaultModel("kling-v1")
          .rules(
              // Kling's own words for it.
              Rule.anyOf("image can not be null", "image", "image_tail"),
              Rule.exclusive(
                  List.of("image_tail"),
                  List.of("static_mask", "dynamic_masks"),
                  List.of("camera_control")),
              Rule.SHOTS_ADD_UP,
              Rule.SHOTS_ARE_NUMBERED_ONCE,
              Rule.VOICES_NEED_SOUND,
              Rule.VOICES_EXIST,
              Rule.VOICES_OR_ELEMENTS,
              Rule.ELEMENTS_EXIST,
              Rule.SOUND_FITS_MODE,
              Rule.CAMERA);

  private static final Kind OMNI_VIDEO =
      Kind.of("videos/omni-video", Family.VIDEO, "videos")
          .fields(
              with(
                  MULTI_SHOT,
                  optional(
                      "image_list",
                      new Items(
                          0,
                          7,
                          new Shape(
                              List.of(
                                  required("image_url", new Media()),
                                  optional(
                                      "type", new Choice(List.of("first_frame", "end_frame"))))))),
                  elements(7),
                  optional(
                      "video_list",
                      new Items(
                          0,
                          1,
                          new Shape(
                              List.of(
                                  required("video_url", new Url()),
                                  optional("refer_type", new Choice(List.of("feature", "base")))
                                      .defaultValue("base"),
                                  optional("keep_original_sound", YES_NO))))),
                  SOUND,
                  MODE.defaultValue("pro"),
                  optional("aspect_ratio", VIDEO_RATIOS),
                  DURATION))
          .models(Models.O1, Models.V3_OMNI)
          .defaultModel("kling-video-o1")
          .rules(Rule.RATIO_WITHOUT_FRAME, Rule.SHOTS_ADD_UP, Rule.SHOTS_ARE_NUMBERED_ONCE);

  private static final List<Field> NEWER_SETTINGS =
      List.of(
          optional("resolution", new Choice(List.of("720p", "1080p", "4k"))).defaultValue("720p"),
          optional("aspect_ratio", VIDEO_RATIOS).defaultValue("16:9"),
          optional("duration", Seconds.between(3, 15)).defaultValue("5"),
          optional("audio", new Choice(List.of("native", "off"))).defaultValue("off"),
          optional("multi_shot", new Flag()).defaultValue("true"));

  private static final Field SETTINGS = optional("settings", new Shape(NEWER_SETTINGS));
  private static final Field OPTIONS = optional("options", new Shape(COMMON));

  private static final List<Kind> ALL =
      List.of(
          TEXT2VIDEO,
          IMAGE2VIDEO,
          Kind.of("videos/multi-image2video", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(required("image_list", pictures(1, 4, "image"))),
                      PROMPT,
                      NEGATIVE,
                      MODE,
                      RATIO,
                      DURATION))
              .models(Models.V1_6)
              .defaultModel("kling-v1-6"),
          OMNI_VIDEO,
          Kind.of("videos/motion-control", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(
                          required("image_url", new Media()),
                          required("video_url", new Url()),
                          required("character_orientation", new Choice(List.of("image", "video"))),
                          required("mode", TWO_MODES)),
                      FREE_PROMPT,
                      optional("keep_original_sound", YES_NO)))
              .models(Models.plain("kling-v2-6"), Models.plain("kling-v3"))
              .defaultModel("kling-v2-6"),
          Kind.of("videos/video-extend", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(required("video_id", new Text(ID))),
                      FREE_PROMPT,
                      NEGATIVE,
                      CFG_SCALE)),
          Kind.of("videos/lip-sync", Family.VIDEO, "videos")
              .fields(with(List.of(required("input", new Shape(List.of()))))),
          Kind.of("videos/advanced-lip-sync", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(
                          required("session_id", new Text(ID)),
                          required("face_choose", new Items(1, 100, new Shape(List.of())))))),
          Kind.of("videos/effects", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(
                          required("effect_scene", new Text(ID)),
                          required(
                              "input",
                              new Shape(
                                  List.of(
                                      optional("image", new Media()),
                                      optional("images", new Items(2, 2, new Media()))))))))
              .rules(Rule.EFFECT_INPUT),
          Kind.of("videos/avatar/image2video", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(
                          required("image", new Media()),
                          optional("audio_id", new Text(ID)),
                          optional("sound_file", new Media())),
                      FREE_PROMPT,
                      optional("mode", TWO_MODES).defaultValue("std")))
              .rules(Rule.oneOf("audio_id", "sound_file")),
          Kind.of("videos/multi-elements", Family.VIDEO, "videos")
              .fields(
                  with(
                      List.of(
                          required("session_id", new Text(ID)),
                          required(
                              "edit_mode", new Choice(List.of("addition", "swap", "removal")))),
                      PROMPT,
                      NEGATIVE,
                      optional("mode", TWO_MODES).defaultValue("std"),
                      optional("duration", Seconds.of(5, 10)).defaultValue("5"))),
          Kind.of("images/generations", Family.IMAGE, "images")
              .fields(
                  with(
                      List.of(PROMPT),
                      NEGATIVE,
                      optional("image", new Media()),
                      optional("image_reference", new Choice(List.of("subject", "face"))),
                      optional("image_fidelity", UNIT_RANGE),
                      optional("human_fidelity", UNIT_RANGE),
                      optional("resolution", new Choice(List.of("1k", "2k"))).defaultValue("1k"),
                      IMAGES_N))
              .models(
                  Models.plain("kling-v1"),
                  Models.plain("kling-v1-5"),
                  Models.plain("kling-v2"),
                  Models.plain("kling-v2-new"),
                  Models.plain("kling-v2-1"),
                  Models.plain("kling-v3")),
          Kind.of("images/omni-image", Family.IMAGE, "images", "series_images")
              .fields(
                  with(
                      List.of(PROMPT),
                      optional("image_list", pictures(0, 10, "image")),
                      elements(10),
                      optional("resolution", new Choice(List.of("1k", "2k", "4k")))
                          .defaultValue("1k"),
                      optional("result_type", new Choice(List.of("single", "series")))
                          .defaultValue("single"),
                      optional("series_amount", new WholeOr(2, 9, "auto")),
                      IMAGES_N))
              .models(Models.plain("kling-image-o1"), Models.plain("kling-v3-omni")),
          Kind.of("images/multi-image2image", Family.IMAGE, "images")
              .fields(
                  with(
                      List.of(
                          required("subject_image_list", pictures(1, 4, "subject_image")),
                          optional("scene_image", new Media()),
                          optional("style_image", new Media())),
                      FREE_PROMPT,
                      IMAGES_N)),
          Kind.of("images/editing/expand", Family.IMAGE, "images")
              .fields(
                  with(
                      Stream.concat(
                              Stream.of(required("image", new Media())),
                              Stream.of("up", "down", "left", "right")
                                  .map(
                                      side ->
                                          required(
                                              side + "_expansion_ratio",
                                              Decimal.between("0", "2"))))
                          .toList(),
                      FREE_PROMPT,
                      IMAGES_N))
              .rules(Rule.EXPANDED_AREA),
          Kind.of("images/kolors-virtual-try-on", Family.TRY_ON, "images")
              .fields(
                  with(
                      List.of(
                          required("human_image", new Media()),
                          required("cloth_image", new Media()))))
              .models(
                  Models.plain("kolors-virtual-try-on-v1"),
                  Models.plain("kolors-virtual-try-on-v1-5")),
          Kind.of("audio/text-to-audio", Family.AUDIO, "audios")
              .fields(
                  with(
                      List.of(
                          required("prompt", new Text(200)),
                          required("duration", Decimal.between("3.0", "10.0"))))),
          Kind.of("audio/video-to-audio", Family.AUDIO, "audios", "videos")
              .fields(
                  with(
                      List.of(
                          optional("video_id", new Text(ID)), optional("video_url", new Url()))))
              .rules(Rule.oneOf("video_id", "video_url")),
          Kind.of("general/custom-voices", Family.GENERAL, "voices")
              .fields(
                  with(
                      List.of(
                          required("voice_name", new Text(ID)),
                          optional("voice_url", new Url()),
                          optional("video_id", new Text(ID)))))
              .rules(Rule.oneOf("voice_url", "video_id")),
          // Only what every kind has: its fields are not documented well enough to refuse any.
          Kind.of("general/advanced-custom-elements", Family.GENERAL, "elements")
              .fields(with(List.of(optional("element_frontal_image", new Media())))),
          Kind.of("general/ai-multi-shot", Family.GENERAL, "images")
              .fields(with(List.of(required("element_frontal_image", new Media())))),
          Kind.of("text-to-video", Family.VIDEO, "videos")
              .fields(List.of(required("prompt", new Text(Models.PROMPT_NEWER)), SETTINGS, OPTIONS))
              .models(Models.newer(NEWER_SETTINGS).toArray(Model[]::new)),
          Kind.of("image-to-video", Family.VIDEO, "videos")
              .fields(
                  List.of(
                      required(
                          "contents",
                          new Items(
                              1,
                              20,
                              new Shape(
                                  List.of(
                                      required("type", new Text(ID)),
                                      optional("text", new Text(Models.PROMPT_NEWER)),
                                      optional("url", new Media()))))),
                      SETTINGS,
                      OPTIONS))
              .models(Models.newer(NEWER_SETTINGS).toArray(Model[]::new))
              .rules(Rule.CONTENTS_HAVE_A_FIRST_FRAME));

  private static final List<SyncPath> SYNC =
      List.of(
          new SyncPath("audio/tts", false),
          new SyncPath("videos/identify-face", false),
          new SyncPath("videos/image-recognize", true),
          new SyncPath("videos/multi-elements/init-selection", false),
          new SyncPath("videos/multi-elements/add-selection", false),
          new SyncPath("videos/multi-elements/delete-selection", false),
          new SyncPath("videos/multi-elements/clear-selection", false),
          new SyncPath("videos/multi-elements/preview-selection", false),
          new SyncPath("general/custom-elements", true),
          new SyncPath("general/presets-voices", false, SyncPath.Use.LISTS_PRESETS),
          new SyncPath("general/advanced-presets-elements", false, SyncPath.Use.LISTS_PRESETS),
          new SyncPath("general/delete-voices", false, SyncPath.Use.DELETES),
          new SyncPath("general/delete-advanced-elements", false, SyncPath.Use.DELETES),
          new SyncPath("general/delete-elements", false, SyncPath.Use.DELETES));

  private static final Set<String> MODELS =
      ALL.stream()
          .flatMap(kind -> kind.models().stream())
          .map(Model::name)
          .collect(Collectors.toUnmodifiableSet());

  /** Of the root of a body, of any kind. */
  private static final Set<String> FIELD_NAMES =
      Stream.concat(
              Stream.of("model_name", "model"),
              ALL.stream().flatMap(kind -> kind.fields().stream()).map(Field::name))
          .collect(Collectors.toUnmodifiableSet());

  private static final Set<String> NEWER_MODELS =
      ALL.stream()
          .filter(kind -> kind.dialect() == Kind.Dialect.NEWER)
          .flatMap(kind -> kind.models().stream())
          .map(Model::name)
          .collect(Collectors.toUnmodifiableSet());

  private static final Map<String, Kind> BY_PATH = index(Kind::path);
  private static final Map<String, Kind> BY_NAME = index(Kind::name);

  private Kinds() {}

  /** Every kind, in the order of Kling's documentation. */
  public static List<Kind> all() {
    return ALL;
  }

  /** Every path that is passed on without making a task. */
  public static List<SyncPath> sync() {
    return SYNC;
  }

  /** The kind with exactly this path, such as {@code videos/text2video}. */
  public static Optional<Kind> ofPath(String path) {
    return Optional.ofNullable(BY_PATH.get(path));
  }

  /** The kind with this name, such as {@code text2video}, as a stored task has it. */
  public static Optional<Kind> ofName(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  /**
   * What a body says: all but the {@link Empty} values of fields that we know. A field of another
   * kind counts as known, since clients send one form for all.
   */
  static Body said(Body body) {
    return body.withoutEmpty(FIELD_NAMES);
  }

  /** Whether some kind has this model version in its table. */
  static boolean knowsModel(String name) {
    return MODELS.contains(name);
  }

  /** Whether a model is one of the newer generation's; the two call none by the same name. */
  public static boolean isNewer(String model) {
    return NEWER_MODELS.contains(model);
  }

  /** The model versions of all tables. */
  static Set<String> modelNames() {
    return MODELS;
  }

  /** The synchronous path with exactly this path; it takes POST, or GET alone. */
  public static Optional<SyncPath> syncOfPath(String path) {
    return SYNC.stream().filter(s -> s.path().equals(path)).findAny();
  }

  /**
   * What {@code {kind path}} or {@code {kind path}/{id}} speaks of. The longest kind path wins and
   * the rest is the id, slashes and all, since a caller's own id may hold some.
   */
  public static Optional<Addressed> resolve(String path) {
    for (int end = path.length(); end > 0; end = path.lastIndexOf('/', end - 1)) {
      Kind kind = BY_PATH.get(path.substring(0, end));
      if (kind != null) {
        String id = end < path.length() - 1 ? path.substring(end + 1) : null;
        return Optional.of(new Addressed(kind, id));
      }
    }
    return Optional.empty();
  }

  private static List<Field> with(List<Field> own, Field... more) {
    List<Field> fields = new ArrayList<>(own);
    fields.addAll(List.of(more));
    fields.addAll(COMMON);
    return fields;
  }

  private static Map<String, Kind> index(Function<Kind, String> key) {
    return ALL.stream()
        .collect(
            Collectors.toMap(
                key,
                Function.identity(),
                (a, b) -> {
                  throw new IllegalStateException(a + " and " + b + " are the same kind");
                },
                LinkedHashMap::new));
  }

  /**
   * A kind, and one of its tasks if the path names one.
   *
   * @param id a task id or a caller's own id; null for the collection itself
   */
  public record Addressed(Kind kind, @Nullable String id) {}
}
