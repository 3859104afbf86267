package io.klingtracker.api;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import org.jspecify.annotations.Nullable;

/** Reads the parameters of a request; each refusal names the parameter and what it may be. */
final class Parameters {

  private static final int MAX_TEXT = 1024;

  private Parameters() {}

  static int number(String name, @Nullable String value, int preset, int least, int most) {
    if (value == null) {
      return preset;
    }
    try {
      int number = Integer.parseInt(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // The refusal below says what is expected.
    }
    throw invalid(name + " must be " + least + " to " + most);
  }

  static @Nullable String text(String name, @Nullable String value) {
    if (value != null && (value.length() > MAX_TEXT || value.indexOf('\0') >= 0)) {
      throw invalid(name + " must have at most " + MAX_TEXT + " characters, none of them U+0000");
    }
    return value;
  }

  static @Nullable TaskStatus status(@Nullable String word) {
    try {
      return word == null ? null : TaskStatus.of(word);
    } catch (IllegalArgumentException e) {
      throw invalid(
          "status is none of queued, submitted, processing, expired, succeed, failed, canceled");
    }
  }

  static @Nullable Instant time(String name, @Nullable String value) {
    try {
      return value == null ? null : OffsetDateTime.parse(value).toInstant();
    } catch (DateTimeParseException e) {
      throw invalid(name + " must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
  }

  static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
