package io.klingtracker.share;

import io.klingtracker.problem.ProblemException;

/**
 * No room.
 *
 * @param held what the tenant holds
 * @param overShare whether there may be room, but not for this tenant while others want some
 */
public record Refusal(Bound bound, String tenant, long held, boolean overShare) implements Entry {

  /** As the caller receives it. */
  public ProblemException problem() {
    return new ProblemException(bound.code(), message(), bound.retryAfter());
  }

  String message() {
    return overShare
        ? "your share of %s (%s) is %s of %s while others want some, and you hold %s; try again"
            .formatted(bound.what(), bound.name(), bound.share(), bound.max(), held)
        : "too many %s at once (%s, at most %s); try again"
            .formatted(bound.what(), bound.name(), bound.max());
  }

  @Override
  public Permit orThrow() {
    throw problem();
  }
}
