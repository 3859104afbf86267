package io.klingtracker.reconcile;

import io.klingtracker.retry.Backoff;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.Doubts.Doubt;
import io.klingtracker.upstream.UpstreamConfig;
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
 * What becomes of a task about which Kling says nothing new: it is asked about again, it expires,
 * or nobody asks any more.
 */
@Singleton
class SilenceSettler {

  private static final Logger LOG = Logger.getLogger(SilenceSettler.class);

  /** The wait before Kling is asked again that did not confirm an end yet; it doubles … */
  private static final Duration PROOF_FIRST = Duration.ofMillis(500);

  /** … up to this. */
  private static final Duration PROOF_CAP = Duration.ofSeconds(30);

  /** How often an expired task is asked about, at the most. */
  static final Duration EXPIRED_EVERY = Duration.ofHours(1);

  /** So many questions, half a minute apart, are about a day of them. */
  private static final int MAX_PROOF_CHECKS = 2880;

  private final ReconcileStore store;
  private final CheckQueue queue;
  private final DoubtSettler doubts;
  private final Tasks tasks;
  private final CheckPlan plan;
  private final ReconcileConfig config;
  private final Duration expireAfter;
  private final Clock clock;
  private final Backoff proofs;
  private final Backoff unknowns;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  SilenceSettler(
      ReconcileStore store,
      CheckQueue queue,
      DoubtSettler doubts,
      Tasks tasks,
      CheckPlan plan,
      ReconcileConfig config,
      UpstreamConfig upstream,
      Clock clock) {
    this.store = store;
    this.queue = queue;
    this.doubts = doubts;
    this.tasks = tasks;
    this.plan = plan;
    this.config = config;
    this.expireAfter = upstream.expireAfter();
    this.clock = clock;
    this.proofs = new Backoff(PROOF_FIRST, PROOF_CAP);
    Duration first = upstream.check().first();
    this.unknowns = new Backoff(first, EXPIRED_EVERY.compareTo(first) < 0 ? first : EXPIRED_EVERY);
  }

  /** Kling did not speak of the task. */
  Optional<Reschedule> unanswered(Check check, Silence why) {
    Duration silence = Duration.between(check.updatedAt(), clock.instant());
    boolean overdue = silence.compareTo(expireAfter) >= 0;
    Doubt doubt = check.doubt();
    if (doubt != null && !check.aside() && !overdue) {
      return doubts.unanswered(check, doubt, why);
    }
    if (doubt != null && check.aside()) {
      doubts.aside(check, doubt);
    }
    // A claim that Kling does not confirm is not asked about for ever.
    boolean endless =
        overdue && (check.neverSpokenOf() || check.checks() > MAX_PROOF_CHECKS || doubt != null);
    if (check.proving() != null && !check.aside() && !endless) {
      return Optional.of(askAgain(check, check.proofs()));
    }
    if (check.neverSpokenOf() && why.failure() != null && !overdue) {
      // Nobody asked: that Kling has not named it proves nothing yet.
      Instant due = clock.instant().plus(unknowns.after(check.checks(), random));
      return Optional.of(Reschedule.unasked(check, due, false, 0));
    }
    return overdue(check, why);
  }

  /** An end is to be proved; soon, and ever later. */
  Reschedule askAgain(Check check, int answers) {
    Duration wait = proofs.after(check.checks(), random);
    return new Reschedule(check, clock.instant().plus(wait), true, answers, false);
  }

  /** Another transaction holds it. */
  Reschedule soon(Check check) {
    return Reschedule.again(check, clock.instant().plus(PROOF_FIRST));
  }

  /** Asked about again, expired, or given up. */
  Optional<Reschedule> overdue(Check check, @Nullable Silence why) {
    Instant now = clock.instant();
    Duration silence = Duration.between(check.updatedAt(), now);
    if (check.status() == TaskStatus.EXPIRED) {
      if (silence.compareTo(config.giveUpAfter()) > 0) {
        LOG.infof("taskId=%s is given up: expired, and no news since", check.taskId());
        store.giveUp(check);
        return Optional.empty();
      }
      return Optional.of(Reschedule.notProving(check, now.plus(EXPIRED_EVERY)));
    }
    if (silence.compareTo(expireAfter) >= 0) {
      tasks.apply(News.of(check.taskId(), Source.POLL, new TaskSignal.Expired(why(why))));
      if (check.neverSpokenOf()) {
        // A callback may still bring its end.
        store.giveUp(check);
        return Optional.empty();
      }
      return Optional.of(Reschedule.notProving(check, now.plus(EXPIRED_EVERY)));
    }
    Instant expiry = check.updatedAt().plus(expireAfter);
    Instant next = check.aside() ? queue.lookedAt(check, expiry) : next(check);
    return Optional.of(Reschedule.notProving(check, next.isAfter(expiry) ? expiry : next));
  }

  private Instant next(Check check) {
    return check.neverSpokenOf()
        ? clock.instant().plus(unknowns.after(check.checks(), random))
        : plan.next(check.ref(), check.checks());
  }

  private String why(@Nullable Silence silence) {
    return "no news from Kling for "
        + expireAfter.toSeconds()
        + " s"
        + (silence == null ? "" : "; " + silence.words());
  }
}
