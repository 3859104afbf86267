package io.klingtracker.rules;

import java.math.BigDecimal;

/**
 * One of Kling's paths that answers at once and makes no task; passed on to Kling as it is.
 *
 * @param path below {@code /v1/}, such as {@code audio/tts}
 * @param takesMedia whether a request may hold pictures, and so be large
 */
public record SyncPath(String path, boolean takesMedia) {

  /** What a call counts in units. */
  public BigDecimal units() {
    return Prices.ofCall(path);
  }
}
