package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.retry.Backoff;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.Doubts.Cause;
import io.klingtracker.upstream.Doubts.Doubt;
import io.klingtracker.upstream.UpstreamConfig;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a create in doubt of which Kling, when asked, did not speak. Only where Kling
 * certainly does not have it, is the task sent again: asked after the create could still arrive,
 * neither by our id nor in its lists, with nothing else that speaks for it.
 */
@Singleton
class DoubtSettler {

  private static final Logger LOG = Logger.getLogger(DoubtSettler.class);

  /**
   * Where its lists cannot be read, Kling must not know the task by our id for so many times as
   * long.
   */
  private static final int WITHOUT_LISTS = 2;

  /** After a create's longest exchange, for clocks and for what is under way in between. */
  static final Duration MARGIN = Duration.ofSeconds(5);

  private static final String UNNAMED =
      "sent without an answer, and Kling keeps no id of ours with this model to ask by; ";

  /** The waits before Kling is asked again. */
  private static final Duration FIRST = Duration.ofSeconds(1);

  private static final Duration CAP = Duration.ofSeconds(30);

  /** The waits before a task is sent again that was lost more than once. */
  private static final Duration FIRST_LOST = Duration.ofSeconds(5);

  private static final Duration CAP_LOST = Duration.ofMinutes(5);

  private final Doubts doubts;
  private final Tasks tasks;
  private final CheckPlan plan;
  private final Duration certainAfter;
  private final Clock clock;
  private final MeterRegistry meters;
  private final Backoff waits = new Backoff(FIRST, CAP);
  private final Backoff lost = new Backoff(FIRST_LOST, CAP_LOST);
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  DoubtSettler(
      Doubts doubts,
      Tasks tasks,
      CheckPlan plan,
      UpstreamConfig upstream,
      KlingConfig kling,
      Clock clock,
      MeterRegistry meters) {
    this.doubts = doubts;
    this.tasks = tasks;
    this.plan = plan;
    this.certainAfter = certainAfter(upstream.resendAfter(), kling.timeout().read());
    this.clock = clock;
    this.meters = meters;
  }

  /** Whether this round can decide about it, so that Kling's lists are worth reading. */
  boolean needsLists(Check check) {
    Doubt doubt = check.doubt();
    return doubt != null
        && !doubt.underWay()
        && (doubt.cause() == Cause.EXISTS || isPast(check, safe(doubt, 1)));
  }

  /** For how long a create may arrive, from when it was about to leave. */
  Duration certainAfter() {
    return certainAfter;
  }

  /** When it is asked about again; empty when it is not in doubt any more. */
  Optional<Reschedule> unanswered(Check check, Doubt doubt, Silence silence) {
    if (doubt.underWay()) {
      return again(check, null);
    }
    if (doubt.isUnnamed()) {
      return unnamed(check, doubt, silence);
    }
    if (silence.failure() != null) {
      String reason = "it was sent, and whether Kling accepted it is not known yet; ";
      return keep(check, doubt, Cause.NOT_ASKED, reason + silence.words(), null);
    }
    if (doubt.cause() == Cause.EXISTS || silence.lists() == Silence.Lists.NAMED) {
      return keep(
          check,
          doubt,
          Cause.EXISTS,
          "Kling says that it has the task, but does not show it; asking",
          plan.next(check.ref(), check.checks()));
    }
    if (check.proving() != null) {
      return keep(
          check,
          doubt,
          Cause.NO_ANSWER,
          "a callback speaks of it, but Kling does not show it; asking",
          null);
    }
    Instant safe = safe(doubt, silence.lists() == Silence.Lists.UNREADABLE ? WITHOUT_LISTS : 1);
    if (!isPast(check, safe)) {
      return keep(
          check,
          doubt,
          Cause.NO_ANSWER,
          "sent, but Kling does not know it; it is sent again when the first cannot arrive any"
              + " more",
          safe);
    }
    return silence.lists() == Silence.Lists.UNREAD ? again(check, null) : free(check, doubt);
  }

  /** Nothing proves that Kling does not have it: it is not sent again by itself. */
  private Optional<Reschedule> unnamed(Check check, Doubt doubt, Silence silence) {
    if (check.klingTaskId() != null) {
      String named = "a callback names Kling's task %s, which Kling does not show; asking";
      return keep(check, doubt, Cause.NO_ANSWER, named.formatted(check.klingTaskId()), null);
    }
    boolean searched = silence.lists() == Silence.Lists.SEARCHED;
    Instant safe = safe(doubt, 1);
    String reason =
        UNNAMED
            + (silence.failure() != null
                ? silence.words()
                : "its list is looked through when the create cannot arrive any more");
    return keep(
        check,
        doubt,
        Cause.NO_ANSWER,
        reason,
        isPast(check, safe) ? searched ? plan.next(check.ref(), check.checks()) : null : safe);
  }

  private Optional<Reschedule> free(Check check, Doubt doubt) {
    Instant now = clock.instant();
    Instant due = doubt.lost() == 0 ? now : now.plus(lost.after(doubt.lost(), random));
    if (!doubts.free(check.taskId(), doubt, check.checks(), due)) {
      // Something was received about it meanwhile.
      return again(check, null);
    }
    ended(check.account(), "not-accepted");
    LOG.infof(
        "taskId=%s account=%s Kling does not have it, it is sent again",
        check.taskId(), check.account());
    tasks.note(
        check.taskId(),
        Source.POLL,
        null,
        "not-accepted",
        "asked, Kling does not have it; it is sent again when it is its turn");
    return Optional.empty();
  }

  /** Kling speaks of it. */
  void accepted(Check check) {
    LOG.infof("taskId=%s account=%s Kling has it", check.taskId(), check.account());
    ended(check.account(), "accepted");
  }

  /** Set aside, it is not asked about; its slot is another's in time all the same. */
  void aside(Check check, Doubt doubt) {
    Cause cause = doubt.cause() == null ? Cause.NOT_ASKED : doubt.cause();
    doubts.keep(
        check.taskId(), doubt, cause, "it was sent, and what Kling says of it is set aside");
  }

  /** Counts an end. */
  void ended(String account, String outcome) {
    Counter.builder("tracker.doubts.ended")
        .description("Creates in doubt of which Kling was found to have them, or not")
        .tags("account", account, "outcome", outcome)
        .register(meters)
        .increment();
  }

  private Optional<Reschedule> keep(
      Check check, Doubt doubt, Cause cause, String reason, @Nullable Instant due) {
    doubts.keep(check.taskId(), doubt, cause, reason);
    return again(check, due);
  }

  private Optional<Reschedule> again(Check check, @Nullable Instant due) {
    Instant next = due == null ? clock.instant().plus(waits.after(check.checks(), random)) : due;
    return Optional.of(Reschedule.again(check, next));
  }

  /**
   * When a create cannot arrive any more: it may leave until half of the time has passed, and its
   * exchange lasts twice the time limit for reading at the most.
   */
  static Duration certainAfter(Duration resendAfter, Duration read) {
    Duration longest = resendAfter.dividedBy(2).plus(read.multipliedBy(2)).plus(MARGIN);
    return longest.compareTo(resendAfter) > 0 ? longest : resendAfter;
  }

  private Instant safe(Doubt doubt, int times) {
    return doubt.sentAt().plus(certainAfter.multipliedBy(times));
  }

  /** As of when Kling was asked, or a little before. */
  private static boolean isPast(Check check, Instant safe) {
    return !check.claimedAt().isBefore(safe);
  }
}
