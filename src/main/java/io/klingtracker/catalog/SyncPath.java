package io.klingtracker.catalog;

import java.math.BigDecimal;

/**
 * One of Kling's paths that answers at once and makes no task; passed on to Kling as it is.
 *
 * @param path below {@code /v1/}, such as {@code audio/tts}
 * @param takesMedia whether a request may hold pictures, and so be large
 * @param use what becomes of the sessions, voices and elements that are named
 * @param units what a call counts
 */
public record SyncPath(String path, boolean takesMedia, Use use, BigDecimal units) {

  /** What a call does with sessions, voices and elements. */
  public enum Use {
    /** It names them, and its answer may name new ones, which are the caller's. */
    MAKES,
    /** A GET whose answer names Kling's own, which are everybody's. */
    LISTS_PRESETS,
    /** It deletes those that it names. */
    DELETES
  }

  /** Whether it is a GET. */
  public boolean isRead() {
    return use == Use.LISTS_PRESETS;
  }
}
