package io.klingtracker.webhook;

import java.time.Instant;

/** What an attempt means for the delivery. */
sealed interface AttemptOutcome {

  /** The receiver has it. */
  record Delivered() implements AttemptOutcome {}

  /**
   * Not yet; again at the given time.
   *
   * @param hostFailed whether it speaks of the host rather than of this one request
   * @param holdHost whether the receiver asked to be left alone until then
   */
  record Retry(Instant at, String reason, boolean hostFailed, boolean holdHost)
      implements AttemptOutcome {}

  /**
   * Never again by itself.
   *
   * @param gone whether the receiver asked for no more
   */
  record Failed(String reason, boolean hostFailed, boolean gone) implements AttemptOutcome {}
}
