package io.klingtracker.problem;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A refusal that the caller is meant to read: its message says what was wrong and what to do. */
public class ProblemException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final ErrorCode code;
  private final @Nullable Duration retryAfter;

  /** A refusal with nothing to wait for. */
  public ProblemException(ErrorCode code, String message) {
    this(code, message, null);
  }

  /**
   * A refusal that may be tried again.
   *
   * @param retryAfter sent as {@code Retry-After}, in whole seconds
   */
  public ProblemException(ErrorCode code, String message, @Nullable Duration retryAfter) {
    // No stack: these are answers, raised on hot paths by whoever sends nonsense.
    super(message, null, false, false);
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** What kind of refusal this is. */
  public ErrorCode code() {
    return code;
  }

  /** How long the caller should wait, or null. */
  public @Nullable Duration retryAfter() {
    return retryAfter;
  }
}
