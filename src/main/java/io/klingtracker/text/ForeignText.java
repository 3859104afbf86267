package io.klingtracker.text;

/**
 * Text from outside. Neither PostgreSQL nor UTF-8 can hold all that a JSON string can: U+0000 and
 * halves of surrogate pairs. Texts of Kling's and of receivers are cleaned, since nobody is there
 * to write them again; a caller's are refused (package {@code request}).
 */
public final class ForeignText {

  /** The end of a text that was cut. */
  private static final String CUT = "…";

  private static final char REPLACEMENT = '\uFFFD';

  private ForeignText() {}

  /** Whether it can be stored and sent as it is. */
  public static boolean isClean(String text) {
    return firstBad(text) < 0;
  }

  /** The text with U+0000 and lone surrogates replaced; the same object when there are none. */
  public static String clean(String text) {
    int bad = firstBad(text);
    if (bad < 0) {
      return text;
    }
    StringBuilder clean = new StringBuilder(text);
    for (int i = bad; i < clean.length(); i++) {
      char c = clean.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < clean.length()
          && Character.isLowSurrogate(clean.charAt(i + 1))) {
        i++;
      } else if (c == 0 || Character.isSurrogate(c)) {
        clean.setCharAt(i, REPLACEMENT);
      }
    }
    return clean.toString();
  }

  /**
   * The text cleaned and cut, with an ellipsis at its end if anything is missing; the same object
   * when it is clean and short enough.
   *
   * @param maxBytes of the result in UTF-8; 3 at least
   */
  public static String clean(String text, int maxBytes) {
    // Most texts are short: at three bytes a char, at most, they need no counting.
    String clean = clean(text);
    return clean.length() <= maxBytes / 3 ? clean : cut(clean, maxBytes);
  }

  /** How many bytes of UTF-8 a clean text has, without making them. */
  public static int utf8Length(String text) {
    int bytes = text.length();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      // A surrogate pair has four bytes for its two chars.
      bytes += c < 0x80 ? 0 : c < 0x800 || Character.isSurrogate(c) ? 1 : 2;
    }
    return bytes;
  }

  private static String cut(String text, int maxBytes) {
    int bytes = 0;
    int fits = 0;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
      if (bytes > maxBytes) {
        return text.substring(0, fits) + CUT;
      }
      if (bytes <= maxBytes - CUT.length() * 3) {
        fits = i;
      }
    }
    return text;
  }

  private static int firstBad(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == 0) {
        return i;
      }
      if (Character.isSurrogate(c)) {
        if (Character.isHighSurrogate(c)
            && i + 1 < text.length()
            && Character.isLowSurrogate(text.charAt(i + 1))) {
          i++;
        } else {
          return i;
        }
      }
    }
    return -1;
  }
}
