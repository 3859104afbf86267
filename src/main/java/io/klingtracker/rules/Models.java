package io.klingtracker.rules;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What each model version of the video paths takes, as far as it differs from the widest.
 *
 * <p>Where Kling's own sources conflict, the most lenient of them holds and the other becomes a
 * warning: we must not refuse what Kling would take. The sources are the legacy request tables of
 * text2video and the capability maps.
 */
final class Models {

  /** Seconds of a video whose request does not say. */
  static final int DEFAULT_SECONDS = 5;

  static final int MAX_SHOTS = 6;

  // CONFLICT: the legacy tables say 2500, the newer generation's pages 3072; each path keeps its
  // own.
  static final int PROMPT = 2500;
  static final int PROMPT_NEWER = 3072;
  static final int SHOT_PROMPT = 512;

  private static final FieldType TWO_MODES = new FieldType.Choice(List.of("std", "pro"));
  private static final FieldType FIVE_OR_TEN = FieldType.Seconds.of(5, 10);
  private static final FieldType SILENT = new FieldType.Choice(List.of("off"));

  private static final Map<String, FieldType> BEFORE_SOUND =
      Map.of(
          "mode", TWO_MODES,
          "duration", FIVE_OR_TEN,
          "sound", SILENT,
          "multi_shot", new FieldType.Never());

  // cfg_scale: "V2.x and later do not support it", yet the kling-v3 pages list it: taken, no
  // effect.
  // camera_control: the capability map has it on kling-v1 (text) and kling-v1-5 (image) only, other
  // pages list it for every version: taken.
  private static final Set<String> BEFORE_V2_IDLE = Set.of("camera_control");
  private static final Set<String> V2_IDLE = Set.of("cfg_scale", "camera_control");

  static final Model V1 = new Model("kling-v1", BEFORE_SOUND, Set.of(), Set.of());
  static final Model V1_5 = new Model("kling-v1-5", BEFORE_SOUND, Set.of(), Set.of());
  static final Model V1_6 = new Model("kling-v1-6", BEFORE_SOUND, Set.of(), BEFORE_V2_IDLE);

  // CONFLICT: the capability map says that the masters have no mode, the request table gives std
  // and pro without regard to the model: taken, no effect.
  private static final Set<String> MASTER_IDLE = Set.of("cfg_scale", "camera_control", "mode");

  static final Model V2_MASTER = new Model("kling-v2-master", BEFORE_SOUND, Set.of(), MASTER_IDLE);
  static final Model V2_1 = new Model("kling-v2-1", BEFORE_SOUND, Set.of(), V2_IDLE);
  static final Model V2_1_MASTER =
      new Model("kling-v2-1-master", BEFORE_SOUND, Set.of(), MASTER_IDLE);
  static final Model V2_5_TURBO = new Model("kling-v2-5-turbo", BEFORE_SOUND, Set.of(), V2_IDLE);

  static final Model V2_6 =
      new Model(
          "kling-v2-6",
          Map.of("mode", TWO_MODES, "duration", FIVE_OR_TEN, "multi_shot", new FieldType.Never()),
          Set.of("pro"),
          V2_IDLE);

  // CONFLICT: the request table lists voice_list for 3.0, the newer capability map denies it:
  // taken.
  static final Model V3 =
      new Model(
          "kling-v3", Map.of(), Set.of(), Set.of("cfg_scale", "camera_control", "voice_list"));

  static final Model V3_OMNI = new Model("kling-v3-omni", Map.of(), Set.of(), Set.of());
  static final Model O1 =
      new Model(
          "kling-video-o1",
          Map.of(
              "mode",
              TWO_MODES,
              "duration",
              FieldType.Seconds.between(3, 10),
              "multi_shot",
              new FieldType.Never()),
          Set.of(),
          Set.of());

  private static final FieldType HD = new FieldType.Choice(List.of("720p", "1080p"));
  private static final FieldType OFF = new FieldType.Choice(List.of("off"));

  /** The newer generation's models, of text-to-video and of image-to-video. */
  static List<Model> newer(List<Field> settings) {
    return List.of(
        new Model("kling-3.0", Map.of(), Set.of(), Set.of()),
        new Model(
            "kling-3.0-turbo", narrowed(settings, Map.of("resolution", HD)), Set.of(), Set.of()),
        new Model(
            "kling-2.6",
            narrowed(settings, Map.of("resolution", HD, "duration", FIVE_OR_TEN)),
            Set.of(),
            Set.of()),
        new Model(
            "kling-2.5-turbo",
            narrowed(settings, Map.of("resolution", HD, "duration", FIVE_OR_TEN, "audio", OFF)),
            Set.of(),
            Set.of()));
  }

  private static Map<String, FieldType> narrowed(
      List<Field> settings, Map<String, FieldType> types) {
    return Map.of(
        "settings", new FieldType.Shape(new Model("", types, Set.of(), Set.of()).fields(settings)));
  }

  private Models() {}

  /** A version that takes exactly what its kind takes. */
  static Model plain(String name) {
    return new Model(name, Map.of(), Set.of(), Set.of());
  }
}
