package io.klingtracker.catalog;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What kind of failure it was, for callers that have to decide.
 *
 * @param name the class
 * @param retryable whether the same request may succeed another time; null where nobody knows
 */
public record ErrorClass(Name name, @Nullable Boolean retryable) {

  /** The words are API; they are never renamed. */
  public enum Name {
    /** The request is at fault. */
    INPUT,
    /** What it asks for is not allowed. */
    POLICY,
    /** The account has no units or money left. */
    BALANCE,
    /** Too much at once. */
    CAPACITY,
    /** Kling's own trouble, and whatever is not known better. */
    KLING,
    /** No news came in time. */
    EXPIRED,
    /** The caller ended it. */
    CANCELED,
    /** Ours or our operator's, such as credentials. */
    OURS;

    /** The word. */
    public String wireName() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
