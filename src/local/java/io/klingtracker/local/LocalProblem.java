package io.klingtracker.local;

/** Why a local run cannot start, in one line that says what to do. */
final class LocalProblem extends RuntimeException {

  private static final long serialVersionUID = 1L;

  LocalProblem(String message) {
    super(message, null, false, false);
  }

  String line() {
    return String.valueOf(getMessage());
  }
}
