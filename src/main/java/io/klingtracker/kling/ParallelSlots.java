package io.klingtracker.kling;

/**
 * How many tasks of each model version may run at once: a number, or {@value #AUTO}, which is
 * found.
 *
 * @param start what is used as long as nothing is known
 * @param ceiling what is never passed; the same as the start where the number is given
 */
public record ParallelSlots(int start, int ceiling) {

  /** In place of a number: begins at {@value #AUTO_START} and ends at {@value #AUTO_CEILING}. */
  public static final String AUTO = "auto";

  /** The most slots that a number may say. */
  public static final int MAX = 10_000;

  private static final int AUTO_START = 5;
  private static final int AUTO_CEILING = 100;

  /** A given number. */
  public static ParallelSlots fixed(int slots) {
    return new ParallelSlots(slots, slots);
  }

  /**
   * As it is configured.
   *
   * @throws IllegalArgumentException when it is neither a number in its range nor {@value #AUTO}
   */
  public static ParallelSlots of(String text) {
    if (text.equals(AUTO)) {
      return new ParallelSlots(AUTO_START, AUTO_CEILING);
    }
    // Six digits at the most, so that no number is too large to be read.
    int slots = text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : 0;
    if (slots < 1 || slots > MAX) {
      throw new IllegalArgumentException(
          "must be 1 to %s, or %s, is %s".formatted(MAX, AUTO, text));
    }
    return fixed(slots);
  }

  /** Whether the number is found. */
  public boolean isAuto() {
    return start < ceiling;
  }
}
