package io.klingtracker.kling;

import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/**
 * What Kling says that it took for a task.
 *
 * @param units of a pack; null where it took money alone
 * @param amount money; null where it took units alone
 * @param currency of the amount; null where Kling names none, as in its older generation
 */
public record Charge(
    @Nullable BigDecimal units, @Nullable BigDecimal amount, @Nullable String currency) {

  /** Units alone. */
  public static Charge ofUnits(BigDecimal units) {
    return new Charge(units, null, null);
  }
}
