package io.klingtracker.rules;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The one table of everything that can be asked of Kling.
 *
 * <p>To add a kind, add one row to {@link #ALL}: its path, its slot family and its result arrays.
 * Submitting, asking, listing, dispatching, callbacks and events need no more. The kind's name is
 * its path without the first segment, and no two kinds may share one.
 */
public final class Kinds {

  private static final List<Kind> ALL =
      List.of(
          new Kind("videos/text2video", Family.VIDEO, List.of("videos")),
          new Kind("videos/image2video", Family.VIDEO, List.of("videos")),
          new Kind("videos/multi-image2video", Family.VIDEO, List.of("videos")),
          new Kind("videos/omni-video", Family.VIDEO, List.of("videos")),
          new Kind("videos/motion-control", Family.VIDEO, List.of("videos")),
          new Kind("videos/video-extend", Family.VIDEO, List.of("videos")),
          new Kind("videos/lip-sync", Family.VIDEO, List.of("videos")),
          new Kind("videos/advanced-lip-sync", Family.VIDEO, List.of("videos")),
          new Kind("videos/effects", Family.VIDEO, List.of("videos")),
          new Kind("videos/avatar/image2video", Family.VIDEO, List.of("videos")),
          new Kind("videos/multi-elements", Family.VIDEO, List.of("videos")),
          new Kind("images/generations", Family.IMAGE, List.of("images")),
          new Kind("images/omni-image", Family.IMAGE, List.of("images", "series_images")),
          new Kind("images/multi-image2image", Family.IMAGE, List.of("images")),
          new Kind("images/editing/expand", Family.IMAGE, List.of("images")),
          // Kling counts try-on with the video packs.
          new Kind("images/kolors-virtual-try-on", Family.VIDEO, List.of("images")),
          new Kind("audio/text-to-audio", Family.AUDIO, List.of("audios")),
          new Kind("audio/video-to-audio", Family.AUDIO, List.of("audios", "videos")),
          new Kind("general/custom-voices", Family.GENERAL, List.of("voices")),
          new Kind("general/advanced-custom-elements", Family.GENERAL, List.of("elements")),
          new Kind("general/ai-multi-shot", Family.GENERAL, List.of("images")));

  private static final List<SyncPath> SYNC =
      List.of(
          new SyncPath("POST", "audio/tts"),
          new SyncPath("POST", "videos/identify-face"),
          new SyncPath("POST", "videos/image-recognize"),
          new SyncPath("POST", "videos/multi-elements/init-selection"),
          new SyncPath("POST", "videos/multi-elements/add-selection"),
          new SyncPath("POST", "videos/multi-elements/delete-selection"),
          new SyncPath("POST", "videos/multi-elements/clear-selection"),
          new SyncPath("POST", "videos/multi-elements/preview-selection"),
          new SyncPath("POST", "general/custom-elements"));

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

  /** The synchronous path that takes this method, if there is one. */
  public static Optional<SyncPath> sync(String method, String path) {
    return SYNC.stream().filter(s -> s.path().equals(path) && s.method().equals(method)).findAny();
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
