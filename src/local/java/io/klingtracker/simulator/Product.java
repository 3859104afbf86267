package io.klingtracker.simulator;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * One of Kling's products, by the path of its requests.
 *
 * @param path the whole path of a create
 * @param family whose slots it takes
 * @param results the arrays of its {@code task_result}
 * @param required the field without which it is refused
 */
record Product(String path, Family family, List<Result> results, String required) {

  enum Family {
    VIDEO,
    IMAGE,
    OTHER
  }

  enum Result {
    VIDEOS,
    IMAGES,
    AUDIOS,
    VOICES,
    ELEMENTS
  }

  static final String TEXT2VIDEO = "/v1/videos/text2video";

  static final String MOTION = "/motion-control";

  /** Products with a task behind them; those of the new generation start without {@code /v1}. */
  private static final List<Product> ALL =
      List.of(
          video(TEXT2VIDEO, ""),
          video("/v1/videos/image2video", "image"),
          video("/v1/videos/multi-image2video", "image_list"),
          video("/v1/videos/omni-video", ""),
          video("/v1/videos/motion-control", "video_url"),
          video("/v1/videos/video-extend", "video_id"),
          video("/v1/videos/advanced-lip-sync", "session_id"),
          video("/v1/videos/lip-sync", "input"),
          video("/v1/videos/effects", "effect_scene"),
          video("/v1/videos/avatar/image2video", "image"),
          video("/v1/videos/multi-elements", "session_id"),
          image("/v1/images/generations", "prompt"),
          image("/v1/images/omni-image", "prompt"),
          image("/v1/images/multi-image2image", "subject_image_list"),
          image("/v1/images/editing/expand", "image"),
          // Try-on counts as a video: one slot a task.
          new Product(
              "/v1/images/kolors-virtual-try-on",
              Family.VIDEO,
              List.of(Result.IMAGES),
              "human_image"),
          new Product("/v1/audio/text-to-audio", Family.OTHER, List.of(Result.AUDIOS), "prompt"),
          new Product(
              "/v1/audio/video-to-audio", Family.OTHER, List.of(Result.VIDEOS, Result.AUDIOS), ""),
          new Product(
              "/v1/general/custom-voices", Family.OTHER, List.of(Result.VOICES), "voice_name"),
          new Product(
              "/v1/general/advanced-custom-elements",
              Family.OTHER,
              List.of(Result.ELEMENTS),
              "element_name"),
          new Product(
              "/v1/general/ai-multi-shot",
              Family.IMAGE,
              List.of(Result.IMAGES),
              "element_frontal_image"),
          video("/text-to-video", ""),
          video("/image-to-video", ""),
          video("/omni-video", ""),
          video(MOTION, ""));

  private static final List<Product> LONGEST_FIRST =
      ALL.stream()
          .sorted(Comparator.comparingInt((Product p) -> p.path().length()).reversed())
          .toList();

  private static Product video(String path, String required) {
    return new Product(path, Family.VIDEO, List.of(Result.VIDEOS), required);
  }

  private static Product image(String path, String required) {
    return new Product(path, Family.IMAGE, List.of(Result.IMAGES), required);
  }

  /** The product that a request path belongs to. */
  static Optional<Product> of(String requestPath) {
    return LONGEST_FIRST.stream()
        .filter(p -> requestPath.equals(p.path()) || requestPath.startsWith(p.path() + "/"))
        .findFirst();
  }

  boolean isNewGeneration() {
    return !path.startsWith("/v1/");
  }
}
