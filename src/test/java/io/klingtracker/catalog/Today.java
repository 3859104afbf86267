package io.klingtracker.catalog;

import java.time.LocalDate;

/** When the tests of rules are: older models have rules worth testing until they are retired. */
final class Today {

  static final LocalDate DAY = LocalDate.of(2026, 9, 1);

  private Today() {}
}
