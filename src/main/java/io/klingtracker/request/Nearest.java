package io.klingtracker.request;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Which known word somebody may have meant who wrote an unknown one. */
public final class Nearest {

  /** Characters of an unknown word that are compared, and shown. */
  private static final int MAX_SHOWN = 40;

  private Nearest() {}

  /**
   * The end of a refusal: {@code did you mean status?}, or what there is to choose from.
   *
   * @param known what would have been taken; may be empty
   */
  public static String hint(String unknown, Collection<String> known) {
    if (known.isEmpty()) {
      return "none is known here";
    }
    String word = shown(unknown).toLowerCase(Locale.ROOT);
    List<String> sorted =
        known.stream()
            .sorted(
                Comparator.comparingInt(
                        (String one) -> distance(word, one.toLowerCase(Locale.ROOT)))
                    .thenComparing(Comparator.naturalOrder()))
            .toList();
    return "did you mean " + sorted.get(0) + "?";
  }

  /** An unknown word as a message shows it: cut, without what a line cannot hold. */
  public static String shown(String unknown) {
    return shown(unknown, MAX_SHOWN);
  }

  static String shown(String text, int most) {
    String cut = text.length() <= most ? text : text.substring(0, most) + "…";
    return cut.replaceAll("[\\p{Cntrl}\\p{Cs}]", "\uFFFD");
  }

  /** Edits from one word to the other (Levenshtein); a swap of neighbours counts as one. */
  public static int distance(String from, String to) {
    int[][] edits = new int[from.length() + 1][to.length() + 1];
    for (int i = 0; i <= from.length(); i++) {
      for (int j = 0; j <= to.length(); j++) {
        if (i == 0 || j == 0) {
          edits[i][j] = i + j;
          continue;
        }
        int change = from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1;
        int best =
            Math.min(edits[i - 1][j - 1] + change, 1 + Math.min(edits[i - 1][j], edits[i][j - 1]));
        boolean swapped =
            i > 1
                && j > 1
                && from.charAt(i - 1) == to.charAt(j - 2)
                && from.charAt(i - 2) == to.charAt(j - 1);
        edits[i][j] = swapped ? Math.min(best, edits[i - 2][j - 2] + 1) : best;
      }
    }
    return edits[from.length()][to.length()];
  }
}
