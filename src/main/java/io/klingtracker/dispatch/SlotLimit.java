package io.klingtracker.dispatch;

import io.klingtracker.kling.ParallelSlots;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A limit below the configured slots, found as congestion control finds a rate: a refusal cuts it
 * to a little less than what runs; soon it rises again, in growing steps, towards what Kling was
 * last seen to take, stays there for a while, and then feels its way beyond. Each change begins an
 * epoch, and a create carries the epoch under which it was claimed: the many refusals of one moment
 * are one cut, and what left before a step proves nothing about it.
 *
 * <p>Refusals that come now and then, however full Kling is, must not wear the limit down. So what
 * Kling was seen to take is doubted on credit: every create earns some, every doubt costs {@value
 * #DOUBT} of it, and only a doubt without credit lowers it.
 *
 * <p>Where the number of slots is to be found, there always is a limit: it begins low and goes up
 * one by one, each after a quiet while. What Kling took is good then.
 *
 * @param limit slots that may be used, at least 1
 * @param good as many as Kling was last seen to take, at least {@code limit} when it was cut
 * @param step by how much it was raised last; 0 since a cut, and where it stays at {@code good}
 * @param proved whether Kling accepted something under the last step
 * @param failed steps beyond {@code good} that were refused, less those that were not
 * @param credit creates that have left since {@code good} was set, less the doubts' costs
 * @param epoch counts cuts and steps
 * @param raiseAt not raised before this, unless the credit suffices
 */
record SlotLimit(
    int limit,
    int good,
    int step,
    boolean proved,
    int failed,
    int credit,
    int epoch,
    Instant raiseAt) {

  /** A cut goes below what runs by one in so many slots: room for a counter that lags. */
  private static final int CUT_SHARE = 32;

  /** Of what was in use when a step beyond was refused, creates under way may be refused too. */
  private static final int GOOD_SHARE = 40;

  /** Beyond what was seen to work a step is one in so many slots at most. */
  private static final int STEP_SHARE = 4;

  /** More than one in so many slots above what was seen to work is no chance any more. */
  private static final int BETTER_SHARE = 16;

  /** What a doubt costs: so many creates for each refusal are borne without end. */
  static final int DOUBT = 40;

  /** After so many creates a step beyond is cheap, whatever the time. */
  static final int CHEAP = 250;

  /** Least time between two steps, back to what was seen to work. */
  private static final Duration BACK = Duration.ofMillis(500);

  /** Least time between two steps beyond it. */
  private static final Duration BEYOND = Duration.ofMillis(1_500);

  /** A step under which nothing is accepted is followed by the next after this. */
  private static final Duration UNPROVED = Duration.ofSeconds(15);

  /** Where the number of slots is to be found, between two steps beyond what was seen to work. */
  static final Duration QUIET = Duration.ofSeconds(10);

  /** A task leaves where the number of slots is to be found, and nothing is known yet. */
  static SlotLimit begun(ParallelSlots slots, Instant now) {
    int start = slots.start();
    return new SlotLimit(start, start, 0, false, 0, 0, 0, now.plus(QUIET));
  }

  /**
   * Kling had no slot for one more.
   *
   * @param before as it was, or null for all that are configured
   * @param others slots in use, apart from the refused task's own
   * @param sentUnder the refused create's epoch
   */
  static SlotLimit cut(
      @Nullable SlotLimit before,
      ParallelSlots slots,
      int others,
      int sentUnder,
      Instant now,
      PoolBackoff backoff) {
    SlotLimit old =
        before != null
            ? before
            : new SlotLimit(slots.start(), slots.start(), 0, false, 0, DOUBT, sentUnder, now);
    int good = old.good;
    int failed = old.failed;
    int credit = old.credit;
    if (others >= old.good) {
      // A step beyond has failed.
      good = others - others / GOOD_SHARE;
      failed++;
      credit = 0;
    } else if (old.limit >= old.good) {
      credit -= DOUBT;
      if (credit < 0) {
        good = others + (old.good - others) / 2;
        credit = 0;
      }
    } else if (old.step > 0) {
      // On its way back: where the first step fails it is clear how far that leads.
      good = old.step == 1 ? others : others + (old.good - others) / 2;
      credit = Math.max(0, credit - DOUBT);
    }
    boolean again = old.limit < old.good && old.step == 0;
    int rest = again ? others : others - others / CUT_SHARE;
    int limit = Math.max(1, Math.min(old.limit, rest));
    good = Math.max(good, limit);
    return new SlotLimit(
        limit,
        good,
        0,
        false,
        failed,
        credit,
        Math.max(sentUnder, old.epoch) + 1,
        now.plus(limit < good ? backoff.beforeRaise(1) : rest(slots, failed, backoff)));
  }

  /** At what was seen to work, before the next step beyond. */
  private static Duration rest(ParallelSlots slots, int failed, PoolBackoff backoff) {
    Duration wait = backoff.beforeRaise(failed);
    return slots.isAuto() && wait.compareTo(QUIET) < 0 ? QUIET : wait;
  }

  /** A create of an earlier epoch was refused: the slots that it was counted with are not taken. */
  SlotLimit without(int slots) {
    return new SlotLimit(
        Math.max(1, limit - slots), good, step, proved, failed, credit, epoch, raiseAt);
  }

  /** A create leaves under it. */
  SlotLimit sends() {
    return new SlotLimit(
        limit, good, step, proved, failed, Math.min(credit + 1, CHEAP), epoch, raiseAt);
  }

  /**
   * Kling accepted a create of this epoch. The next step may follow when others that left with it
   * should have been answered too.
   *
   * @param sentAt when it left
   */
  SlotLimit accepted(Instant sentAt, Instant now) {
    if (step == 0 || proved) {
      return this;
    }
    Instant rested = raiseAt.minus(UNPROVED).plus(limit < good ? BACK : BEYOND);
    Instant answered = now.plus(Duration.between(sentAt, now));
    Instant next = rested.isBefore(answered) ? answered : rested;
    return new SlotLimit(
        limit, good, step, true, failed, credit, epoch, next.isBefore(raiseAt) ? next : raiseAt);
  }

  /** A step up, if its time has come; null when that makes all that are configured. */
  @Nullable SlotLimit raised(ParallelSlots slots, Instant now, PoolBackoff backoff) {
    if (slots.isAuto() && limit >= Math.min(good, slots.ceiling())) {
      return felt(slots, now, backoff);
    }
    boolean cheap = step == 0 && limit >= good && credit >= CHEAP;
    if (now.isBefore(raiseAt) && !cheap) {
      return this;
    }
    int most = limit < good ? (good - limit + 1) / 2 : Math.max(1, limit / STEP_SHARE);
    int up = Math.min(Math.max(1, 2 * step), most);
    int next = limit + up;
    if (next >= slots.ceiling() && !slots.isAuto()) {
      return null;
    }
    boolean back = next == good;
    return new SlotLimit(
        next,
        good,
        back ? 0 : up,
        false,
        limit > good + good / BETTER_SHARE ? Math.max(0, failed - 1) : failed,
        credit,
        epoch + 1,
        now.plus(back ? rest(slots, failed, backoff) : UNPROVED));
  }

  /** One more, where the number of slots is to be found; what it had until now is good. */
  private SlotLimit felt(ParallelSlots slots, Instant now, PoolBackoff backoff) {
    if (now.isBefore(raiseAt) || limit >= slots.ceiling()) {
      return this;
    }
    int fewer = step > 0 ? Math.max(0, failed - 1) : failed;
    return new SlotLimit(
        limit + 1,
        Math.max(good, limit),
        1,
        true,
        fewer,
        credit,
        epoch + 1,
        now.plus(rest(slots, fewer, backoff)));
  }
}
