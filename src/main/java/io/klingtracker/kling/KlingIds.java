package io.klingtracker.kling;

/** Ids of tasks as they are in Kling's paths. */
public final class KlingIds {

  private static final int MAX = 512;

  private KlingIds() {}

  /**
   * Whether an id can be asked for as one segment of a path. Gateways undo escapes before they
   * merge segments, so no way of writing makes these safe: dots alone, slashes, percent signs,
   * control characters.
   */
  public static boolean canBeAsked(String id) {
    return !id.isEmpty()
        && id.length() <= MAX
        && id.chars().anyMatch(c -> c != '.')
        && id.chars()
            .noneMatch(c -> c == '/' || c == '\\' || c == '%' || Character.isISOControl(c));
  }
}
