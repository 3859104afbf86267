package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.retry.Backoff;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.CheckRequested;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.Doubts.Doubt;
import io.klingtracker.upstream.KlingWords;
import io.klingtracker.upstream.Reports;
import io.klingtracker.upstream.UpstreamConfig;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a task after Kling was asked: it moves, it is asked about again, it is expired,
 * or nobody asks any more.
 */
@Singleton
class CheckSettler {

  private static final Logger LOG = Logger.getLogger(CheckSettler.class);
  private static final double JITTER = 0.2;

  /** The kind of what is set aside here; the key is the task's id. */
  private static final String SET_ASIDE = "check";

  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);
  private static final Duration MAX_AFTER_FAILURE = Duration.ofMinutes(5);

  /** So many questions, half a minute apart, are about a day of them. */
  private static final int MAX_PROOF_CHECKS = 2880;

  /** Kling named the id of another task: of a create in doubt that is no proof that it has none. */
  private static final Silence OTHERS_ID = Silence.unknown(Silence.Lists.NAMED);

  private static final Silence NOT_HIS = Silence.unknown(Silence.Lists.SILENT);

  /** News that is applied in one statement. */
  private static final int CHUNK = 250;

  private final ReconcileStore store;
  private final DoubtSettler settler;
  private final Tasks tasks;
  private final CheckPlan plan;
  private final Reports reports;
  private final ReconcileConfig config;
  private final Duration expireAfter;
  private final Clock clock;
  private final Backoff proofs;
  private final Backoff unknowns;
  private final Backoff failures = new Backoff(AFTER_FAILURE, MAX_AFTER_FAILURE, JITTER);
  private final Attempts attempts = new Attempts();
  private final Event<CheckRequested> checkRequested;
  private final Jdbi jdbi;
  private final SetAside setAside;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  CheckSettler(
      Jdbi jdbi,
      ReconcileStore store,
      DoubtSettler settler,
      SetAside setAside,
      Event<CheckRequested> checkRequested,
      Tasks tasks,
      CheckPlan plan,
      Reports reports,
      ReconcileConfig config,
      UpstreamConfig upstream,
      Clock clock) {
    this.jdbi = jdbi;
    this.store = store;
    this.settler = settler;
    this.setAside = setAside;
    this.checkRequested = checkRequested;
    this.tasks = tasks;
    this.plan = plan;
    this.reports = reports;
    this.config = config;
    this.expireAfter = upstream.expireAfter();
    this.clock = clock;
    this.proofs = new Backoff(config.proof().first(), config.proof().cap(), JITTER);
    Duration first = upstream.check().first();
    Duration cap = config.expiredEvery();
    this.unknowns = new Backoff(first, cap.compareTo(first) < 0 ? first : cap, JITTER);
    setAside.register(
        SET_ASIDE, "exists (select from open_task o where o.task_id = s.key)", this::putBack);
  }

  /**
   * Kling spoke of these. What it says of a task that is another tenant's is as good as nothing:
   * whoever named its id sees what he would see with one that Kling does not know.
   */
  void settle(List<AnswerMatcher.Match> all) {
    List<AnswerMatcher.Match> tracked =
        all.stream().filter(match -> match.check().tracked()).toList();
    Set<String> others = new HashSet<>();
    Set<String> unknown = new HashSet<>();
    Batch.apply(
        tracked,
        some -> others.addAll(store.othersTasks(some)),
        (match, failure) -> {
          unknown.add(match.check().taskId());
          failed(match.check(), failure);
        });
    List<AnswerMatcher.Match> matches = all;
    if (!others.isEmpty() || !unknown.isEmpty()) {
      matches =
          all.stream()
              .filter(match -> !others.contains(match.check().taskId()))
              .filter(match -> !unknown.contains(match.check().taskId()))
              .toList();
      unanswered(
          tracked.stream()
              .map(AnswerMatcher.Match::check)
              .filter(check -> others.contains(check.taskId()))
              .toList(),
          NOT_HIS);
    }
    for (int from = 0; from < matches.size(); from += CHUNK) {
      chunk(matches.subList(from, Math.min(matches.size(), from + CHUNK)));
    }
  }

  /** Kling did not speak of these. */
  void unanswered(Collection<Check> checks, Silence why) {
    List<ReconcileStore.Reschedule> rescheduled = new ArrayList<>();
    Batch.each(checks, check -> unanswered(check, why).ifPresent(rescheduled::add), this::failed);
    reschedule(rescheduled);
  }

  /**
   * These were not asked about for want of room; soon, and one after the other as fast as Kling may
   * be asked.
   */
  void defer(List<Check> checks) {
    List<ReconcileStore.Reschedule> rescheduled = new ArrayList<>(checks.size());
    Instant soon = clock.instant().plus(config.poll());
    for (int i = 0; i < checks.size(); i++) {
      Check check = checks.get(i);
      Instant due = soon.plusMillis(1000L * i / Math.max(1, config.rate()));
      rescheduled.add(
          new ReconcileStore.Reschedule(check, due, check.proving() != null, check.proofs(), true));
    }
    reschedule(rescheduled);
  }

  private static ReconcileStore.Reschedule again(Check check, Instant due) {
    return new ReconcileStore.Reschedule(check, due, check.proving() != null, check.proofs());
  }

  private void reschedule(List<ReconcileStore.Reschedule> rescheduled) {
    Batch.apply(
        rescheduled, this::write, (reschedule, failure) -> failed(reschedule.check(), failure));
  }

  /** Whoever requested a check while Kling was being asked is served at once. */
  private void write(List<ReconcileStore.Reschedule> rescheduled) {
    store
        .reschedule(rescheduled)
        .forEach(taskId -> checkRequested.fire(new CheckRequested(taskId)));
  }

  /** What was to become of one failed: it is asked about again later, or not any more. */
  private void failed(Check check, RuntimeException failure) {
    int times = attempts.failed(check.taskId());
    if (!SetAside.isDue(failure, times)) {
      LOG.warnf(
          "taskId=%s an answer failed and is asked for again: %s",
          check.taskId(), SetAside.reason(failure));
      write(List.of(again(check, clock.instant().plus(failures.after(times, random)))));
      return;
    }
    attempts.done(check.taskId());
    Instant expiry = check.updatedAt().plus(expireAfter);
    setAside(check.taskId(), lookedAt(check, soonest(expiry)), failure, times);
    tasks.note(check.taskId(), Source.POLL, null, "set-aside", SetAside.reason(failure));
  }

  /** When one that is set aside is looked at again: to expire, or to give back its slot. */
  private Instant lookedAt(Check check, Instant expiry) {
    Doubt doubt = check.doubt();
    if (doubt == null) {
      return expiry;
    }
    Instant slot = doubt.sentAt().plus(Doubts.HOLDS_SLOT);
    return slot.isAfter(clock.instant()) && slot.isBefore(expiry) ? slot : expiry;
  }

  /** This one could not even be claimed. */
  void unclaimed(String taskId, RuntimeException failure) {
    int times = attempts.failed(taskId);
    if (SetAside.isDue(failure, times)) {
      setAside(taskId, soonest(clock.instant().plus(expireAfter)), failure, times);
    }
  }

  private void setAside(String taskId, Instant due, RuntimeException failure, int times) {
    LOG.errorf("taskId=%s is not asked about any more: %s", taskId, SetAside.reason(failure));
    jdbi.useHandle(handle -> setAside.put(handle, SET_ASIDE, taskId, taskId, failure, times));
    jdbi.useHandle(handle -> store.setAside(handle, taskId, due));
  }

  private Instant soonest(Instant expiry) {
    Instant soonest = clock.instant().plus(config.expiredEvery());
    return expiry.isBefore(soonest) ? soonest : expiry;
  }

  /** An administrator has it tried again. */
  private Runnable putBack(Handle handle, String taskId, Instant now) {
    store.putBack(handle, taskId, now);
    return () -> checkRequested.fire(new CheckRequested(taskId));
  }

  private void chunk(List<AnswerMatcher.Match> matches) {
    List<ReconcileStore.Reschedule> rescheduled = new ArrayList<>();
    List<AnswerMatcher.Match> news = new ArrayList<>();
    Batch.each(
        matches,
        match -> {
          if (isNews(match)) {
            news.add(match);
          } else {
            unchanged(match).ifPresent(rescheduled::add);
          }
        },
        (match, failure) -> failed(match.check(), failure));
    apply(news, rescheduled);
    reschedule(rescheduled);
  }

  /** What we know already is no news; an id that we do not know yet is. */
  private static boolean isNews(AnswerMatcher.Match match) {
    Check check = match.check();
    KlingStatus klingStatus = match.news().status();
    if (klingStatus == KlingStatus.UNKNOWN) {
      // Whatever it means: Kling has accepted it.
      return check.doubt() != null;
    }
    TaskStatus status = KlingWords.status(klingStatus);
    return check.status().accepts(status)
        || check.klingTaskId() == null
        || check.status().isFinal();
  }

  private void apply(List<AnswerMatcher.Match> news, List<ReconcileStore.Reschedule> rescheduled) {
    Map<String, Outcome> outcomes = new HashMap<>();
    Batch.apply(
        news,
        some -> outcomes.putAll(tasks.applyUnlocked(some.stream().map(this::news).toList())),
        (match, failure) -> refused(match, failure, rescheduled));
    List<Reports.Report> done = new ArrayList<>();
    Batch.each(
        news.stream().filter(match -> outcomes.containsKey(match.check().taskId())).toList(),
        match -> {
          Outcome outcome = Objects.requireNonNull(outcomes.get(match.check().taskId()));
          if (outcome instanceof Outcome.Busy) {
            rescheduled.add(soon(match.check()));
            return;
          }
          attempts.done(match.check().taskId());
          done.add(report(match, outcome));
          if (match.check().doubt() != null && outcome instanceof Outcome.Moved) {
            settler.accepted(match.check());
          }
          if (outcome instanceof Outcome.Moved && !ended(outcome) && !isProving(match)) {
            rescheduled.add(notProving(match.check(), plan.first(match.check().watched())));
          } else if (!ended(outcome)) {
            unchanged(match).ifPresent(rescheduled::add);
          } else {
            disproved(match);
          }
        },
        (match, failure) -> failed(match.check(), failure));
    reports.book(done);
  }

  private void refused(
      AnswerMatcher.Match match,
      RuntimeException failure,
      List<ReconcileStore.Reschedule> rescheduled) {
    if (!Tasks.isOtherTasksId(failure)) {
      failed(match.check(), failure);
      return;
    }
    tasks.note(match.check().taskId(), Source.POLL, null, "other-task", "another task has its id");
    unanswered(match.check(), OTHERS_ID).ifPresent(rescheduled::add);
  }

  private static boolean isProving(AnswerMatcher.Match match) {
    return match.check().proving() != null;
  }

  private News news(AnswerMatcher.Match match) {
    KlingNews news = match.news();
    String taskId = match.check().taskId();
    Instant next = news.status().isFinal() ? null : plan.first(match.check().watched());
    return KlingWords.toNews(taskId, Source.POLL, news, next)
        .orElseGet(
            () ->
                new News(
                    taskId,
                    Source.POLL,
                    new TaskSignal.Submitted(),
                    news.klingTaskId(),
                    null,
                    next,
                    news.word()));
  }

  private static boolean ended(Outcome outcome) {
    return outcome instanceof Outcome.Moved moved && moved.change().status().isFinal()
        || outcome instanceof Outcome.Ignored ignored && ignored.status().isFinal()
        || outcome instanceof Outcome.NoSuchTask;
  }

  private Reports.Report report(AnswerMatcher.Match match, Outcome outcome) {
    Check check = match.check();
    return new Reports.Report(
        check.taskId(),
        check.kind(),
        check.upstreamModel(),
        check.account(),
        Source.POLL,
        match.news(),
        outcome,
        check.leadMillis(),
        true);
  }

  /** The end came out otherwise than a callback had claimed. */
  private void disproved(AnswerMatcher.Match match) {
    TaskStatus claimed = match.check().proving();
    if (claimed != null
        && match.news().status().isFinal()
        && claimed != KlingWords.status(match.news().status())) {
      untrue(match.check(), claimed, match.news().word());
    }
  }

  private void untrue(Check check, TaskStatus claimed, String said) {
    tasks.note(
        check.taskId(), Source.POLL, claimed.wireName(), "untrue", "asked, Kling says " + said);
    reports.untrue(check.taskId(), check.account(), claimed.wireName());
  }

  /** Kling answered, and nothing ended. */
  private Optional<ReconcileStore.Reschedule> unchanged(AnswerMatcher.Match match) {
    Check check = match.check();
    KlingNews news = match.news();
    if (news.status() == KlingStatus.UNKNOWN) {
      tasks.note(check.taskId(), Source.POLL, news.word(), "not-understood", news.message());
    }
    TaskStatus claimed = check.proving();
    if (claimed != null && check.proofs() + 1 >= config.proof().attempts()) {
      untrue(check, claimed, news.word());
      return overdue(check, null);
    }
    return claimed == null
        ? overdue(check, null)
        : Optional.of(askAgain(check, check.proofs() + 1));
  }

  /** Kling did not speak of the task. */
  private Optional<ReconcileStore.Reschedule> unanswered(Check check, Silence why) {
    Duration silence = Duration.between(check.updatedAt(), clock.instant());
    boolean overdue = silence.compareTo(expireAfter) >= 0;
    Doubt doubt = check.doubt();
    if (doubt != null && !check.aside() && !overdue) {
      return settler.unanswered(check, doubt, why);
    }
    if (doubt != null && check.aside()) {
      settler.aside(check, doubt);
    }
    // A claim that Kling does not confirm is not asked about for ever.
    boolean endless =
        overdue && (check.neverSpokenOf() || check.checks() > MAX_PROOF_CHECKS || doubt != null);
    if (check.proving() != null && !check.aside() && !endless) {
      return Optional.of(askAgain(check, check.proofs()));
    }
    if (check.neverSpokenOf() && why.failure() != null && !overdue) {
      // Nobody asked: that Kling has not spoken of it tells nothing yet.
      Instant due = clock.instant().plus(unknowns.after(check.checks(), random));
      return Optional.of(new ReconcileStore.Reschedule(check, due, false, 0, true));
    }
    return overdue(check, why);
  }

  private ReconcileStore.Reschedule askAgain(Check check, int answers) {
    Duration wait = proofs.after(check.checks(), random);
    return new ReconcileStore.Reschedule(check, clock.instant().plus(wait), true, answers);
  }

  private ReconcileStore.Reschedule soon(Check check) {
    return again(check, clock.instant().plus(config.proof().first()));
  }

  /** Asked about again, expired, or given up. */
  private Optional<ReconcileStore.Reschedule> overdue(Check check, @Nullable Silence why) {
    Instant now = clock.instant();
    Duration silence = Duration.between(check.updatedAt(), now);
    if (check.status() == TaskStatus.EXPIRED) {
      if (silence.compareTo(config.giveUpAfter()) > 0) {
        LOG.infof("taskId=%s is given up: expired and not heard of since", check.taskId());
        store.giveUp(check);
        return Optional.empty();
      }
      return Optional.of(notProving(check, now.plus(config.expiredEvery())));
    }
    if (silence.compareTo(expireAfter) >= 0) {
      tasks.apply(News.of(check.taskId(), Source.POLL, new TaskSignal.Expired(why(why))));
      if (check.neverSpokenOf()) {
        // A callback may still tell of it.
        store.giveUp(check);
        return Optional.empty();
      }
      return Optional.of(notProving(check, now.plus(config.expiredEvery())));
    }
    Instant expiry = check.updatedAt().plus(expireAfter);
    Instant next = check.aside() ? lookedAt(check, expiry) : next(check);
    return Optional.of(notProving(check, next.isAfter(expiry) ? expiry : next));
  }

  private Instant next(Check check) {
    return check.neverSpokenOf()
        ? clock.instant().plus(unknowns.after(check.checks(), random))
        : plan.next(check.watched(), check.checks());
  }

  private static ReconcileStore.Reschedule notProving(Check check, Instant due) {
    return new ReconcileStore.Reschedule(check, due, false, 0);
  }

  private String why(@Nullable Silence silence) {
    return "no news from Kling for "
        + expireAfter.toSeconds()
        + " s"
        + (silence == null ? "" : "; " + silence.words());
  }
}
