package io.klingtracker.request;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.text.ForeignText;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the parameters and headers of a request, and the texts of its body that mean a time, a
 * number or a name; each refusal ({@link ErrorCode#INVALID_REQUEST}) names the parameter and what
 * it may be. A parameter that is left out is null.
 */
public final class Parameters {

  /** Characters of a text for which no other bound is named: ids, cursors, names of models. */
  public static final int MAX_TEXT = 1024;

  /** A host with its port. */
  public static final int MAX_HOST = 300;

  private static final Pattern WHOLE = Pattern.compile("[+-]?[0-9]{1,18}");
  private static final Pattern UNENCODED_PLUS = Pattern.compile(" ([0-9]{2}:[0-9]{2})$");
  private static final int LENGTH_OF_DAY = "2026-01-31".length();
  private static final int LAST_YEAR = 9999;

  private Parameters() {}

  /** A whole number; {@code defaultValue} when it is left out. */
  public static int number(
      String name, @Nullable String value, int defaultValue, int least, int most) {
    return (int) whole(name, value, defaultValue, least, most);
  }

  /** What was given; null where it is empty, as forms send what nobody filled in. */
  public static @Nullable String given(@Nullable String value) {
    return value == null || value.isEmpty() ? null : value;
  }

  /** A whole number; {@code defaultValue} when it is left out. */
  public static long whole(
      String name, @Nullable String value, long defaultValue, long least, long most) {
    if (value == null || value.isEmpty()) {
      return defaultValue;
    }
    // Only digits of ASCII: the JDK would take those of every script.
    if (WHOLE.matcher(value).matches()) {
      long number = Long.parseLong(value);
      if (number >= least && number <= most) {
        return number;
      }
    }
    throw invalid(name + " must be " + least + " to " + most);
  }

  /** Text of at most {@link #MAX_TEXT} characters. */
  public static @Nullable String text(String name, @Nullable String value) {
    return text(name, value, MAX_TEXT);
  }

  /** Text that can be stored, of at most so many characters. */
  public static @Nullable String text(String name, @Nullable String value, int most) {
    if (value != null && (value.length() > most || !ForeignText.isClean(value))) {
      throw invalid(name + " must have at most " + most + " characters, none of them U+0000");
    }
    return value;
  }

  /** Text that is not empty, of at most so many characters. */
  public static @Nullable String filled(String name, @Nullable String value, int most) {
    if (value != null && value.isEmpty()) {
      throw invalid(name + " must have 1 to " + most + " characters");
    }
    return text(name, value, most);
  }

  /** One of a few words. */
  public static @Nullable String word(
      String name, @Nullable String value, Collection<String> words) {
    if (value == null || value.isEmpty()) {
      return null;
    }
    if (!words.contains(value)) {
      throw invalid(
          "%s %s is none of %s; %s"
              .formatted(
                  name,
                  Nearest.shown(value),
                  String.join(", ", words),
                  Nearest.hint(value, words)));
    }
    return value;
  }

  /** {@code true} or {@code false}; false when it is left out. */
  public static boolean flag(String name, @Nullable String value) {
    if (value == null || value.isEmpty() || value.equals("false")) {
      return false;
    }
    if (!value.equals("true")) {
      throw invalid(name + " must be true or false");
    }
    return true;
  }

  /** An id that we made, as our answers show it; {@code what} says whose. */
  public static UUID uuid(String what, String value) {
    try {
      return UUID.fromString(value);
    } catch (IllegalArgumentException e) {
      throw invalid(what + " is a UUID, as our answers show it");
    }
  }

  /** An RFC 3339 time, or a day of UTC for its beginning; of the years 0000 to 9999. */
  public static @Nullable Instant time(String name, @Nullable String value) {
    if (value == null || value.isEmpty()) {
      return null;
    }
    try {
      // A + that was not encoded has become a space on its way.
      String text = UNENCODED_PLUS.matcher(value).replaceFirst("+$1");
      Instant time =
          text.length() == LENGTH_OF_DAY
              ? LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant()
              : OffsetDateTime.parse(text).toInstant();
      int year = time.atOffset(ZoneOffset.UTC).getYear();
      if (year >= 0 && year <= LAST_YEAR) {
        return time;
      }
    } catch (DateTimeException e) {
      // The refusal below says what is expected.
    }
    throw invalid(
        name + " must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z, or a day of UTC");
  }

  /** The refusal of a cursor that was not sealed for this list and caller. */
  public static ProblemException foreignCursor() {
    return invalid("cursor is not one that we gave; leave it out to begin with the newest");
  }

  /** The refusal of a parameter for a reason of its own. */
  public static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
