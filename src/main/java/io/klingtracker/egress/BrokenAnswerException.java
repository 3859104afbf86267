package io.klingtracker.egress;

import java.io.IOException;

/** The rest of an answer does not come; the message says why, for people. */
public final class BrokenAnswerException extends IOException {

  private static final long serialVersionUID = 1L;

  private final Failure failure;

  BrokenAnswerException(Failure failure, String detail) {
    super(detail);
    this.failure = failure;
  }

  /** Which kind of failure it is. */
  public Failure failure() {
    return failure;
  }
}
