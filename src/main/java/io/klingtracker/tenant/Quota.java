package io.klingtracker.tenant;

import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/** How much a tenant may have and use; null is no limit. */
record Quota(
    @Nullable Integer queued,
    @Nullable BigDecimal unitsPerDay,
    @Nullable BigDecimal unitsPerMonth) {

  static final Quota NONE = new Quota(null, null, null);

  /** The same for what waits in no queue of ours. */
  Quota withoutQueue() {
    return queued == null ? this : new Quota(null, unitsPerDay, unitsPerMonth);
  }

  boolean isNone() {
    return queued == null && unitsPerDay == null && unitsPerMonth == null;
  }
}
