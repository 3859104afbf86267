package io.klingtracker.dispatch;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What Kling's refusals made of a pool of slots. Decisions only; {@link PoolStore} keeps it.
 *
 * @param loweredTo fewer slots than configured, or null for all
 * @param raiseAt not raised before this
 * @param lowerings how often lowered since it last had all
 * @param notBefore nothing is sent before this; when parked, one task is tried then
 * @param refusals how often refused since the last acceptance
 * @param parked why waiting alone does not help, or null
 */
record PoolState(
    @Nullable Integer loweredTo,
    @Nullable Instant raiseAt,
    int lowerings,
    @Nullable Instant notBefore,
    int refusals,
    @Nullable Parking parked) {

  /** As configured; such a state needs no row. */
  static final PoolState FREE = new PoolState(null, null, 0, null, 0, null);

  /** Kling's refusal of an account, a family or a model. */
  record Parking(int code, String reason, Instant at) {}

  /** The waits, as functions of how often it happened before. */
  interface Waits {
    /** Before a lowered limit is raised. */
    Duration beforeRaise(int lowerings);

    /** Before anything is sent again. */
    Duration beforeNext(int refusals);

    /** Before a parked pool is tried. */
    Duration beforeProbe(int refusals);
  }

  /**
   * 1303: Kling has no slot for one more. What runs there now is what fits, and at least one is
   * tried again; with nothing of ours running only waiting helps.
   *
   * @param others slots in use apart from the refused task's own
   */
  PoolState full(int others, Instant now, Waits waits) {
    int limit = Math.max(1, loweredTo == null ? others : Math.min(loweredTo, others));
    return new PoolState(
        limit,
        now.plus(waits.beforeRaise(lowerings + 1)),
        lowerings + 1,
        others == 0 ? now.plus(waits.beforeNext(refusals + 1)) : notBefore,
        refusals + 1,
        parked);
  }

  /** 1302, 5001: not now. */
  PoolState busy(Instant now, Waits waits) {
    return new PoolState(
        loweredTo,
        raiseAt,
        lowerings,
        now.plus(waits.beforeNext(refusals + 1)),
        refusals + 1,
        parked);
  }

  /** Credentials, balance, rights, white list: an operator's matter. */
  PoolState refused(int code, String reason, Instant now, Waits waits) {
    return new PoolState(
        loweredTo,
        raiseAt,
        lowerings,
        now.plus(waits.beforeProbe(refusals + 1)),
        refusals + 1,
        new Parking(code, reason, parked == null ? now : parked.at()));
  }

  /** A parked pool is being tried: nobody else tries it meanwhile. */
  PoolState probed(Instant now, Waits waits) {
    return new PoolState(
        loweredTo, raiseAt, lowerings, now.plus(waits.beforeProbe(refusals + 1)), refusals, parked);
  }

  /**
   * Kling accepted a task: what refused is over, and a lowered limit that was used up goes up by
   * one when its time has come. An acceptance of something sent before the parking proves nothing.
   *
   * @param used slots in use, the accepted task's included
   * @param configured slots when all is well
   */
  PoolState accepted(Instant sentAt, int used, int configured, Instant now) {
    if (parked != null && !sentAt.isAfter(parked.at())) {
      return this;
    }
    Integer limit = loweredTo;
    boolean raise = limit != null && used >= limit && (raiseAt == null || !now.isBefore(raiseAt));
    if (limit != null && raise) {
      limit = limit + 1 >= configured ? null : limit + 1;
    }
    return limit == null
        ? FREE
        : new PoolState(limit, raise ? now : raiseAt, lowerings, null, 0, null);
  }

  /** Whether nothing is sent now. */
  boolean isShut(Instant now) {
    return notBefore != null && now.isBefore(notBefore);
  }
}
