package io.klingtracker.share;

import io.klingtracker.problem.ErrorCode;
import java.time.Duration;

/**
 * A bound with a name, in any unit (requests, bytes, streams).
 *
 * @param name the metrics' label and the name in the table of bounds, such as {@code media-bodies}
 * @param what the things in the plural, for people: "streams and waits"
 * @param max most of them at a time
 * @param reserve what one tenant alone cannot take, so that another who comes finds room
 * @param lasting whether what is held may last and is ended when another needs its place
 * @param code the refusal's
 * @param retryAfter when to try again
 */
public record Bound(
    String name,
    String what,
    long max,
    long reserve,
    boolean lasting,
    ErrorCode code,
    Duration retryAfter) {

  /** One part of this many stays free of a tenant alone. */
  private static final int RESERVED_PART = 8;

  /** Of things that end soon by themselves, or by a timer. */
  public static Bound brief(
      String name, String what, long max, ErrorCode code, Duration retryAfter) {
    long reserve = max <= 1 ? 0 : Math.max(1, max / RESERVED_PART);
    return new Bound(name, what, max, reserve, false, code, retryAfter);
  }

  /** Of things that may last for ever and can be ended at any time without harm. */
  public static Bound lasting(
      String name, String what, long max, ErrorCode code, Duration retryAfter) {
    return new Bound(name, what, max, 0, true, code, retryAfter);
  }

  /** What one tenant may hold at most while others want some. */
  public long share() {
    return Math.max(1, max / 2);
  }

  enum Verdict {
    ENTER,
    /** There is room once holdings of greedier tenants have ended. */
    EVICT,
    FULL,
    OVER_SHARE
  }

  /**
   * The rule.
   *
   * @param held by the asking tenant, without the holding that is to grow
   * @param amount that the new holding shall have, or the growing one
   * @param others held by the other tenants
   * @param wanting tenants that hold some or have asked lately, the asking one included
   * @param promised to others and to be left to them: see {@link Share}
   */
  Verdict decide(long held, long amount, long others, int wanting, long promised) {
    // One thing is never over a share: a share may be smaller than the thing.
    boolean first = held == 0;
    long after = held + amount;
    if (!first && wanting > 1 && after > share()) {
      return Verdict.OVER_SHARE;
    }
    long kept = isModest(held, amount, wanting) ? promised : Math.max(reserve, promised);
    if (others + after <= max - kept) {
      return Verdict.ENTER;
    }
    boolean fair = first || after <= fair(wanting);
    return lasting && fair && amount <= max ? Verdict.EVICT : Verdict.FULL;
  }

  /** An equal part for everybody who wants some, one at least. */
  long fair(int wanting) {
    return Math.max(1, max / wanting);
  }

  /** Whether it would be an equal part even if one more came: such a wish may use the reserve. */
  boolean isModest(long held, long amount, int wanting) {
    return held == 0 || held + amount <= max / (wanting + 1);
  }
}
