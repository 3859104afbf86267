package io.klingtracker.problem;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A refusal that the caller is meant to read: its message says what was wrong and what to do. */
public class ProblemException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final ErrorCode code;
  private final @Nullable Duration retryAfter;

  /** Texts and numbers, of an immutable map. */
  private final transient Map<String, Object> members;

  /** A refusal with nothing to wait for. */
  public ProblemException(ErrorCode code, String message) {
    this(code, message, null, Map.of());
  }

  /**
   * A refusal that says more than its message.
   *
   * @param members what else the answer has, by name, texts and numbers; Kling's shape has no room
   *     for it
   */
  public ProblemException(ErrorCode code, String message, Map<String, ?> members) {
    this(code, message, null, members);
  }

  /**
   * A refusal that may be tried again.
   *
   * @param retryAfter sent as {@code Retry-After}, in whole seconds
   */
  public ProblemException(ErrorCode code, String message, @Nullable Duration retryAfter) {
    this(code, message, retryAfter, Map.of());
  }

  private ProblemException(
      ErrorCode code, String message, @Nullable Duration retryAfter, Map<String, ?> members) {
    // No stack: these are answers, raised on hot paths by whoever sends nonsense.
    super(message, null, false, false);
    this.code = code;
    this.retryAfter = retryAfter;
    this.members = Map.copyOf(members);
  }

  /** What else the answer has, by name. */
  public Map<String, Object> members() {
    return members;
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
