package io.klingtracker.rules;

import java.math.BigDecimal;

/**
 * One of Kling's paths that answers at once and makes no task; passed on to Kling as it is.
 *
 * @param path below {@code /v1/}, such as {@code audio/tts}
 * @param takesMedia whether a request may hold pictures, and so be large
 * @param use what becomes of the sessions, voices and elements that are named
 */
public record SyncPath(String path, boolean takesMedia, Use use) {

  /** What a call does with sessions, voices and elements. */
  public enum Use {
    /** It names them, and its answer may name new ones, which are the caller's. */
    MAKES,
    /** A GET whose answer names Kling's own, which are everybody's. */
    LISTS_PRESETS,
    /** It deletes those that it names. */
    DELETES
  }

  /** One that names them, and may make new ones. */
  public SyncPath(String path, boolean takesMedia) {
    this(path, takesMedia, Use.MAKES);
  }

  /** Whether it is a GET. */
  public boolean isRead() {
    return use == Use.LISTS_PRESETS;
  }

  /** What a call counts in units. */
  public BigDecimal units() {
    return Prices.ofCall(path);
  }
}
