package io.klingtracker.webhook;

/**
 * A callback_url, or the address behind it, that we do not call; the message is the rule broken.
 */
final class RefusedTargetException extends Exception {

  private static final long serialVersionUID = 1L;

  RefusedTargetException(String rule) {
    super(rule, null, false, false);
  }

  /** The rule broken, in words that complete "callback_url …". */
  String rule() {
    return String.valueOf(getMessage());
  }
}
