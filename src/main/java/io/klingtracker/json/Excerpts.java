package io.klingtracker.json;

import com.fasterxml.jackson.databind.JsonNode;

/** How values read in a message: short, on one line, and harmless. */
public final class Excerpts {

  private static final int SHOWN = 40;

  private Excerpts() {}

  /** A value as a message shows it. */
  public static String shown(JsonNode value) {
    if (value.isTextual()) {
      return shorten(value.textValue(), SHOWN);
    }
    // A whole tree is never written out for the sake of its first words.
    if (value.isContainerNode()) {
      return value.isArray() ? "array of " + value.size() : "object";
    }
    return shorten(value.asText(), SHOWN);
  }

  /** At most so many code points, control characters and lone surrogates replaced. */
  public static String shorten(String text, int max) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .limit(max)
        .map(
            c ->
                Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE
                    ? '\uFFFD'
                    : c)
        .forEach(shown::appendCodePoint);
    if (text.codePointCount(0, text.length()) > max) {
      shown.append('…');
    }
    return shown.toString();
  }
}
