package io.klingtracker.tenant;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import java.math.BigDecimal;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What settings of tenants and of keys have in common. */
final class SettingChecks {

  private static final int MAX_NAME = 200;

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
