package io.klingtracker.simulator;

/** Kling says no: HTTP status, code and message of its error body. */
final class Refusal extends RuntimeException {

  private static final long serialVersionUID = 1L;

  final int status;
  final int code;

  Refusal(int status, int code, String message) {
    super(message, null, false, false);
    this.status = status;
    this.code = code;
  }

  static Refusal invalid(String message) {
    return new Refusal(400, 1201, message);
  }

  static Refusal notFound(String id) {
    return invalid("Task not found by id/external id: " + id);
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
