package io.klingtracker.task;

/**
 * What a row of {@code task} counts, as SQL over its columns; {@code :unitPrice} is the list price
 * of a unit in {@code :currency}.
 */
public final class CostSql {

  /** Nothing for what never got to Kling, and whether that is so. */
  public static final String UNSENT =
      "(status = 'canceled' or status = 'failed' and dispatched_at is null)";

  /** Kling's deduction in units where it took some, else what is expected. */
  public static final String UNITS =
      "coalesce(units, case when " + UNSENT + " then 0 else units_expected end)";

  /**
   * Money: what Kling took in it and, by their list price, the units that it took beside. Money of
   * another currency than the list's counts as the units that were expected.
   */
  public static final String AMOUNT =
      """
      case when amount is null then %s
          when coalesce(currency, :currency) = :currency then amount + coalesce(units, 0) * :unitPrice
          else greatest(units, units_expected) * :unitPrice end"""
          .formatted(UNITS + " * :unitPrice");

  private CostSql() {}
}
