package io.klingtracker.egress;

/**
 * A callback_url, or the address behind it, that we do not call; the message is the rule broken.
 */
public final class RefusedTargetException extends Exception {

  private static final long serialVersionUID = 1L;

  RefusedTargetException(String rule) {
    super(rule, null, false, false);
  }

  /** The rule broken, in words that complete "callback_url …". */
  public String rule() {
    return String.valueOf(getMessage());
  }
}
