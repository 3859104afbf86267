package io.klingtracker.reconcile;

import java.time.Instant;

/**
 * When a task is asked about again, and whether an end is still to be confirmed.
 *
 * @param proofs how often Kling was asked about that end
 * @param unasked whether it was claimed and then not asked about
 */
record Reschedule(Check check, Instant due, boolean proving, int proofs, boolean unasked) {

  /** Whatever is to be proved of it still is. */
  static Reschedule again(Check check, Instant due) {
    return new Reschedule(check, due, check.proving() != null, check.proofs(), false);
  }

  /** Nothing is to be proved of it any more. */
  static Reschedule notProving(Check check, Instant due) {
    return new Reschedule(check, due, false, 0, false);
  }

  /** The claim counts as no question. */
  static Reschedule unasked(Check check, Instant due, boolean proving, int proofs) {
    return new Reschedule(check, due, proving, proofs, true);
  }
}
