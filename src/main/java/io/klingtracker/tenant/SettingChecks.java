package io.klingtracker.tenant;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.quarkus.runtime.configuration.DurationConverter;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What settings of tenants and of keys have in common. */
final class SettingChecks {

  private static final int MAX_NAME = 200;

  private static final Duration SHORTEST_RETENTION = Duration.ofHours(1);
  private static final Duration LONGEST_RETENTION = Duration.ofDays(36_500);

  private SettingChecks() {}

  static void name(String name) {
    Parameters.filled("name", name.strip(), MAX_NAME);
    Parameters.text("name", name, MAX_NAME);
  }

  static void between(String name, @Nullable Number value, BigDecimal least, BigDecimal most) {
    if (value != null) {
      BigDecimal number = new BigDecimal(value.toString());
      if (number.compareTo(least) < 0 || number.compareTo(most) > 0) {
        throw invalid(name + " must be " + least + " to " + most.toPlainString());
      }
    }
  }

  /**
   * Reads for how long something is kept.
   *
   * @return null where nothing is said
   */
  static @Nullable Duration retention(@Nullable String text) {
    if (text == null) {
      return null;
    }
    try {
      return DurationConverter.parseDuration(text);
    } catch (IllegalArgumentException e) {
      throw badRetention();
    }
  }

  static void retention(@Nullable Duration age) {
    if (age != null
        && (age.compareTo(SHORTEST_RETENTION) < 0 || age.compareTo(LONGEST_RETENTION) > 0)) {
      throw badRetention();
    }
  }

  private static ProblemException badRetention() {
    return invalid("retention must be a time from 1h to 36500D, such as 12h or 30D");
  }

  /** As it may be given again. */
  static @Nullable String text(@Nullable Duration age) {
    if (age == null) {
      return null;
    }
    if (age.equals(Duration.ofDays(age.toDays()))) {
      return age.toDays() + "D";
    }
    return age.equals(Duration.ofHours(age.toHours()))
        ? age.toHours() + "h"
        : age.toSeconds() + "s";
  }

  /** When somebody was suspended first; null for one who is not. */
  static @Nullable Instant suspendedAt(@Nullable Instant before, boolean suspended, Instant now) {
    if (!suspended) {
      return null;
    }
    return before == null ? now : before;
  }

  static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
