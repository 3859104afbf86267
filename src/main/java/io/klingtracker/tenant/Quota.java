package io.klingtracker.tenant;

import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/**
 * How much a tenant may have and use; null is no limit.
 *
 * @param amountPerMonth money, in the currency of {@link
 *     io.klingtracker.catalog.UnitPrice#currency}
 */
record Quota(
    @Nullable Integer queued,
    @Nullable BigDecimal unitsPerDay,
    @Nullable BigDecimal unitsPerMonth,
    @Nullable BigDecimal amountPerMonth) {

  static final Quota NONE = new Quota(null, null, null, null);

  /** The same for what waits in no queue of ours. */
  Quota withoutQueue() {
    return queued == null ? this : new Quota(null, unitsPerDay, unitsPerMonth, amountPerMonth);
  }

  boolean isNone() {
    return queued == null && !isOfUse();
  }

  /** Whether what is used up is counted at all. */
  boolean isOfUse() {
    return unitsPerDay != null || isOfMonth();
  }

  boolean isOfMonth() {
    return unitsPerMonth != null || amountPerMonth != null;
  }
}
