package io.klingtracker.kling;

/** What came of a call that was passed on. */
public sealed interface PassedAnswer {

  /**
   * Kling's answer as it came.
   *
   * @param status its HTTP status
   * @param code its code; -1 when the body has none
   * @param body its body
   */
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record Answered(int status, int code, byte[] body) implements PassedAnswer {}

  /** No answer; the call may have reached Kling all the same. */
  record NoAnswer(String reason) implements PassedAnswer {}
}
