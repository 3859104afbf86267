package io.klingtracker.task;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.regex.Pattern;

/**
 * Public task ids: {@code task_} and 26 characters of lower-case Crockford base 32, ten for the
 * millisecond and sixteen random (80 bits), so that they sort by time and cannot be guessed.
 */
public final class TaskId {

  private static final String PREFIX = "task_";
  private static final char[] ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz".toCharArray();
  private static final int TIME_CHARACTERS = 10;
  private static final int RANDOM_CHARACTERS = 16;
  private static final Pattern FORM = Pattern.compile("task_[0-9a-z]{26}");
  private static final SecureRandom RANDOM = new SecureRandom();

  private TaskId() {}

  /** A new id for a task created at {@code time}. */
  public static String next(Instant time) {
    byte[] random = new byte[RANDOM_CHARACTERS];
    RANDOM.nextBytes(random);
    StringBuilder id = new StringBuilder(firstAt(time));
    for (byte value : random) {
      id.append(ALPHABET[value & 31]);
    }
    return id.toString();
  }

  /** The smallest text that no id made before {@code time} reaches: a bound for ranges by time. */
  public static String firstAt(Instant time) {
    char[] characters = new char[TIME_CHARACTERS];
    long rest = Math.max(0, time.toEpochMilli());
    for (int i = TIME_CHARACTERS - 1; i >= 0; i--) {
      characters[i] = ALPHABET[(int) (rest & 31)];
      rest >>>= 5;
    }
    return PREFIX + new String(characters);
  }

  /** Whether a text has the form of an id; says nothing of whether the task exists. */
  public static boolean isTaskId(String text) {
    return FORM.matcher(text).matches();
  }
}
