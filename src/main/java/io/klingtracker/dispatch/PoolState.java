package io.klingtracker.dispatch;

import io.klingtracker.kling.ParallelSlots;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What Kling's refusals made of a pool of slots. Decisions only; {@link PoolStore} keeps it.
 *
 * @param lowered fewer slots than configured, or null for all
 * @param notBefore nothing is sent before this; when parked, one task is tried then
 * @param refusals how often refused since the last acceptance
 * @param parked why waiting alone does not help, or null
 */
record PoolState(
    @Nullable SlotLimit lowered,
    @Nullable Instant notBefore,
    int refusals,
    @Nullable Parking parked) {

  /** As configured; such a state needs no row. */
  static final PoolState UNRESTRICTED = new PoolState(null, null, 0, null);

  /** Kling's refusal of an account, a family or a model. */
  record Parking(int code, String reason, Instant at) {}

  /**
   * A create that has left.
   *
   * @param slots that its task takes
   * @param epoch of the limit under which it was claimed
   * @param at when it left
   */
  record Sent(int slots, int epoch, Instant at) {}

  /** Under which a task is claimed now. */
  int epoch() {
    return lowered == null ? 0 : lowered.epoch();
  }

  /**
   * 1303: Kling has no slot for one more. The first such answer of an epoch cuts the limit; those
   * to creates that had left by then are of the same moment. With nothing of ours running only
   * waiting helps.
   *
   * @param used slots in use, the refused task's own included
   * @param slots when all is well
   */
  PoolState full(Sent sent, int used, ParallelSlots slots, Instant now, PoolBackoff backoff) {
    if (lowered != null && sent.epoch() < lowered.epoch()) {
      return new PoolState(lowered.without(sent.slots()), notBefore, refusals + 1, parked);
    }
    int others = Math.max(0, used - sent.slots());
    return new PoolState(
        SlotLimit.cut(lowered, slots, others, sent.epoch(), now, backoff),
        others == 0 ? now.plus(backoff.beforeTry(refusals + 1)) : notBefore,
        refusals + 1,
        parked);
  }

  /** 1302, 5001: not now. */
  PoolState busy(Instant now, PoolBackoff backoff) {
    return new PoolState(lowered, now.plus(backoff.beforeNext(refusals + 1)), refusals + 1, parked);
  }

  /** Credentials, balance, rights, white list: an operator's matter. */
  PoolState refused(int code, String reason, Instant now, PoolBackoff backoff) {
    return new PoolState(
        lowered,
        now.plus(backoff.beforeProbe(refusals + 1)),
        refusals + 1,
        new Parking(code, reason, parked == null ? now : parked.at()));
  }

  /** A parked pool is being tried: nobody else tries it meanwhile. */
  PoolState probed(Instant now, PoolBackoff backoff) {
    return new PoolState(lowered, now.plus(backoff.beforeProbe(refusals + 1)), refusals, parked);
  }

  /** A limit that is used up, and wanted, goes a step up when its time has come. */
  PoolState raised(ParallelSlots slots, Instant now, PoolBackoff backoff) {
    // With nothing of ours accepted there a second try would only be refused beside the first.
    return lowered == null || notBefore != null ? this : with(lowered.raised(slots, now, backoff));
  }

  /** A task is claimed where the number of slots is to be found: from now on it is. */
  PoolState begun(ParallelSlots slots, Instant now) {
    return lowered == null && slots.isAuto() ? with(SlotLimit.begun(slots, now)) : this;
  }

  /** A task is claimed for it. */
  PoolState sends() {
    return lowered == null ? this : with(lowered.sends());
  }

  private PoolState with(@Nullable SlotLimit limit) {
    return limit == lowered ? this : new PoolState(limit, notBefore, refusals, parked);
  }

  /**
   * Kling accepted a task: what refused is over, and the limit's last step is good. An acceptance
   * of something sent before the parking, or before the limit changed, proves nothing.
   */
  PoolState accepted(Sent sent, Instant now) {
    boolean late = parked != null && !sent.at().isAfter(parked.at());
    if (late || lowered != null && sent.epoch() < lowered.epoch()) {
      return this;
    }
    return new PoolState(lowered == null ? null : lowered.accepted(sent.at(), now), null, 0, null);
  }

  /** Whether nothing is sent now. */
  boolean isShut(Instant now) {
    return notBefore != null && now.isBefore(notBefore);
  }
}
