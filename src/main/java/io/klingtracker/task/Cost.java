package io.klingtracker.task;

import com.fasterxml.jackson.annotation.JsonValue;
import io.klingtracker.catalog.UnitPrice;
import java.math.BigDecimal;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What something costs. {@link TaskSql} writes the same into events.
 *
 * @param units of Kling's; null where it took money
 * @param amount money; of what is expected the list price of the units, null where Kling took units
 * @param currency of the amount, such as {@code USD}; null without one
 * @param state whether Kling took it, or nothing is known yet
 */
public record Cost(
    @Nullable BigDecimal units,
    @Nullable BigDecimal amount,
    @Nullable String currency,
    State state) {

  /** How far it is. */
  public enum State {
    /** By the price list. */
    EXPECTED,
    /** Kling took it, or nothing was ever sent and nothing is taken. */
    CHARGED;

    /** The word. */
    @JsonValue
    public String wireName() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** What should be taken, by the list price of a unit. */
  public static Cost expected(BigDecimal units) {
    return new Cost(units, UnitPrice.of(units), UnitPrice.currency(), State.EXPECTED);
  }

  /** What Kling took; an amount without a currency gets its account's as it is stored. */
  public static Cost charged(
      @Nullable BigDecimal units, @Nullable BigDecimal amount, @Nullable String currency) {
    return new Cost(units, amount, currency, State.CHARGED);
  }

  /**
   * Of a task; null where nobody knows: another program submitted it, and Kling has not reported
   * it.
   */
  static @Nullable Cost of(Task task) {
    if (task.units() != null || task.amount() != null) {
      return charged(task.units(), task.amount(), task.amount() == null ? null : task.currency());
    }
    boolean unsent =
        task.status() == TaskStatus.CANCELED
            || task.status() == TaskStatus.FAILED && task.dispatchedAt() == null;
    if (unsent) {
      return new Cost(BigDecimal.ZERO, BigDecimal.ZERO, task.currency(), State.CHARGED);
    }
    return task.unitsExpected() == null
        ? null
        : new Cost(task.unitsExpected(), task.amountExpected(), task.currency(), State.EXPECTED);
  }
}
