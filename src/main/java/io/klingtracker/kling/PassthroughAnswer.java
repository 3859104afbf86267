package io.klingtracker.kling;

import io.klingtracker.catalog.AnswerTable;

/** What came of a call that was passed on. */
public sealed interface PassthroughAnswer {

  /**
   * Kling's answer as it came.
   *
   * @param status its HTTP status
   * @param code its code; -1 when the body has none
   * @param body its body
   */
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record Answered(int status, int code, byte[] body) implements PassthroughAnswer {

    /**
     * Whether it is no matter of the caller's: credentials, balance, rights and white list are
     * between us and Kling, and what has no code is none of Kling's.
     */
    public boolean isOurs() {
      return code < 0
          || switch (AnswerTable.builtIn().about(code)) {
            case CREDENTIAL, ACCOUNT, FAMILY, MODEL -> true;
            case REQUEST, SLOTS, RATE -> false;
          };
    }
  }

  /** No answer; the call may have reached Kling all the same. */
  record NoAnswer(String reason) implements PassthroughAnswer {}
}
