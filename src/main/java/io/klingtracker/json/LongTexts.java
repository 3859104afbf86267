package io.klingtracker.json;

/**
 * JSON whose long texts are cut, everything else to the letter: a body with pictures in it as
 * people can read it, without a second tree of it.
 */
public final class LongTexts {

  /** Characters that are left of a text that is cut, as it was written. */
  private static final int LEFT = 100;

  private LongTexts() {}

  /**
   * Cuts values that are texts; names stay.
   *
   * @param json what was read as JSON before
   * @param max characters, as written, up to which a text stays; {@link #LEFT} at least
   */
  public static String cut(String json, int max) {
    StringBuilder cut = new StringBuilder(Math.min(json.length(), 1 << 16));
    int kept = 0;
    int at = json.indexOf('"');
    while (at >= 0) {
      int end = end(json, at + 1);
      if (end - at - 1 > max && !isName(json, end + 1)) {
        int stop = stop(json, at + 1, at + 1 + LEFT);
        cut.append(json, kept, stop)
            .append("… (")
            .append(end - stop)
            .append(" characters left out)");
        kept = end;
      }
      at = json.indexOf('"', end + 1);
    }
    return kept == 0 ? json : cut.append(json, kept, json.length()).toString();
  }

  /** Where the quote is that ends the text which begins at {@code from}. */
  private static int end(String json, int from) {
    int at = from;
    while (json.charAt(at) != '"') {
      at += json.charAt(at) == '\\' ? 2 : 1;
    }
    return at;
  }

  /** The last place up to {@code most} at which neither an escape nor a pair is cut in two. */
  private static int stop(String json, int from, int most) {
    int at = from;
    while (true) {
      char c = json.charAt(at);
      int length =
          c == '\\' ? json.charAt(at + 1) == 'u' ? 6 : 2 : Character.isHighSurrogate(c) ? 2 : 1;
      if (at + length > most) {
        return at;
      }
      at += length;
    }
  }

  private static boolean isName(String json, int from) {
    int at = from;
    while (at < json.length() && Character.isWhitespace(json.charAt(at))) {
      at++;
    }
    return at < json.length() && json.charAt(at) == ':';
  }
}
