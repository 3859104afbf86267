package io.klingtracker.catalog;

import java.math.BigDecimal;

/**
 * What one of Kling's units costs by its list, before any discount of a pack: units are counted as
 * money with it, until Kling says what it took and in place of what it took in units.
 */
public final class UnitPrice {

  private static final BigDecimal AMOUNT = new BigDecimal("0.14");

  /** The currency of the list, and of amounts of which Kling names none. */
  public static final String CURRENCY = "USD";

  private UnitPrice() {}

  /** The price of one unit. */
  public static BigDecimal one() {
    return AMOUNT;
  }

  /** The price of so many. */
  public static BigDecimal of(BigDecimal units) {
    BigDecimal amount = units.multiply(AMOUNT).stripTrailingZeros();
    return amount.scale() < 0 ? amount.setScale(0) : amount;
  }
}
