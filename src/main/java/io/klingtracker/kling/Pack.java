package io.klingtracker.kling;

import java.math.BigDecimal;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A resource pack of an account.
 *
 * @param id Kling's
 * @param name as it was sold
 * @param status in Kling's words: {@code toBeOnline}, {@code online}, {@code expired}, {@code
 *     runOut}
 * @param total units
 * @param remaining units, by a count of Kling's that may be twelve hours old
 * @param effectiveAt when it begins
 * @param endsAt when what is left of it is lost
 */
public record Pack(
    String id,
    String name,
    String status,
    @Nullable BigDecimal total,
    @Nullable BigDecimal remaining,
    @Nullable Instant effectiveAt,
    @Nullable Instant endsAt) {

  /** Whether Kling takes units from it now. */
  public boolean isOnline() {
    return status.equals("online");
  }
}
