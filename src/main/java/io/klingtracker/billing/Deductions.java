package io.klingtracker.billing;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Of which time Kling's deductions and our charges can be compared. */
final class Deductions {

  /** Kling enters a deduction, and we learn of an end, somewhat later than it happened. */
  static final Duration SETTLES = Duration.ofHours(1);

  /** A time. */
  record Span(Instant from, Instant to) {}

  private Deductions() {}

  /** Of which both sides are whole; null when nothing was read yet. */
  static @Nullable Span settled(BillingStore.@Nullable Round round) {
    if (round == null || round.from() == null || round.until() == null) {
      return null;
    }
    return settled(round.from(), round.until());
  }

  /** The same of a time of which everything was read. */
  static Span settled(Instant from, Instant until) {
    return new Span(from, until.minus(SETTLES));
  }
}
