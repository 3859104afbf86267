package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.loops.Batch;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.KlingWords;
import io.klingtracker.upstream.Reports;
import io.klingtracker.upstream.UnnamedIds;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
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

/**
 * What becomes of a task after Kling was asked: it moves, it is asked about again, it is expired,
 * or nobody asks any more.
 */
@Singleton
class CheckSettler {

  /** Kling named the id of another task: of a create in doubt that is no proof that it has none. */
  private static final Silence OTHERS_ID = Silence.unknown(Silence.Lists.NAMED);

  private static final Silence NOT_HIS = Silence.unknown(Silence.Lists.SILENT);

  /** News that is applied in one statement. */
  private static final int CHUNK = 250;

  /** After so many answers that do not confirm it, a claimed end is taken as untrue. */
  private static final int PROOF_ATTEMPTS = 8;

  private final ReconcileStore store;
  private final CheckQueue queue;
  private final SilenceSettler silence;
  private final DoubtSettler doubts;
  private final UnnamedIds ids;
  private final Tasks tasks;
  private final CheckPlan plan;
  private final Reports reports;
  private final ReconcileConfig config;
  private final Clock clock;

  @Inject
  CheckSettler(
      ReconcileStore store,
      CheckQueue queue,
      SilenceSettler silence,
      DoubtSettler doubts,
      UnnamedIds ids,
      Tasks tasks,
      CheckPlan plan,
      Reports reports,
      ReconcileConfig config,
      Clock clock) {
    this.store = store;
    this.queue = queue;
    this.silence = silence;
    this.doubts = doubts;
    this.ids = ids;
    this.tasks = tasks;
    this.plan = plan;
    this.reports = reports;
    this.config = config;
    this.clock = clock;
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
          queue.failed(match.check(), failure);
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
    List<Reschedule> rescheduled = new ArrayList<>();
    Batch.each(
        checks, check -> silence.unanswered(check, why).ifPresent(rescheduled::add), queue::failed);
    queue.reschedule(rescheduled);
  }

  /**
   * These were not asked about for want of room; soon, and one after the other as fast as Kling may
   * be asked.
   */
  void defer(List<Check> checks) {
    List<Reschedule> rescheduled = new ArrayList<>(checks.size());
    Instant soon = clock.instant().plus(Reconciler.POLL);
    for (int i = 0; i < checks.size(); i++) {
      Check check = checks.get(i);
      Instant due = soon.plusMillis(1000L * i / Math.max(1, config.rate()));
      rescheduled.add(Reschedule.unasked(check, due, check.proving() != null, check.proofs()));
    }
    queue.reschedule(rescheduled);
  }

  private void chunk(List<AnswerMatcher.Match> matches) {
    List<Reschedule> rescheduled = new ArrayList<>();
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
        (match, failure) -> queue.failed(match.check(), failure));
    apply(news, rescheduled);
    queue.reschedule(rescheduled);
  }

  /** What we know already is no news; an id that the task does not have yet is. */
  private static boolean isNews(AnswerMatcher.Match match) {
    Check check = match.check();
    KlingStatus klingStatus = match.news().status();
    if (klingStatus == KlingStatus.UNKNOWN) {
      // Whatever it means: Kling has accepted it.
      return check.doubt() != null;
    }
    TaskStatus status = KlingWords.status(klingStatus);
    return check.status().accepts(status) || !check.idStored() || check.status().isFinal();
  }

  private void apply(List<AnswerMatcher.Match> news, List<Reschedule> rescheduled) {
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
            rescheduled.add(silence.soon(match.check()));
            return;
          }
          queue.processed(match.check());
          done.add(report(match, outcome));
          if (match.check().doubt() != null && outcome instanceof Outcome.Moved) {
            doubts.accepted(match.check());
          }
          if (outcome instanceof Outcome.Moved && !ended(outcome) && !isProving(match)) {
            rescheduled.add(Reschedule.notProving(match.check(), next(match.check())));
          } else if (!ended(outcome)) {
            unchanged(match).ifPresent(rescheduled::add);
          } else {
            disproved(match);
          }
        },
        (match, failure) -> queue.failed(match.check(), failure));
    reports.book(done);
  }

  private void refused(
      AnswerMatcher.Match match, RuntimeException failure, List<Reschedule> rescheduled) {
    if (!Tasks.isOtherTasksId(failure)) {
      queue.failed(match.check(), failure);
      return;
    }
    Check check = match.check();
    tasks.note(check.taskId(), Source.POLL, null, "other-task", "another task has its id");
    if (check.doubt() != null && check.doubt().isUnnamed() && check.klingTaskId() != null) {
      // Only a person can have given it away; he decides about this one, too.
      ids.forget(check.taskId(), check.klingTaskId());
      rescheduled.add(Reschedule.notProving(check, clock.instant()));
      return;
    }
    silence.unanswered(check, OTHERS_ID).ifPresent(rescheduled::add);
  }

  private static boolean isProving(AnswerMatcher.Match match) {
    return match.check().proving() != null;
  }

  private News news(AnswerMatcher.Match match) {
    KlingNews news = match.news();
    String taskId = match.check().taskId();
    Instant next = news.status().isFinal() ? null : next(match.check());
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

  private Instant next(Check check) {
    return plan.first(check.ref(), check.startedAt());
  }

  private static boolean ended(Outcome outcome) {
    return outcome instanceof Outcome.Moved moved && moved.change().status().isFinal()
        || outcome instanceof Outcome.Ignored ignored && ignored.status().isFinal()
        || outcome instanceof Outcome.NoSuchTask;
  }

  private Reports.Report report(AnswerMatcher.Match match, Outcome outcome) {
    Check check = match.check();
    return new Reports.Report(
        check.ref(), Source.POLL, match.news(), outcome, check.leadMillis(), true);
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
  private Optional<Reschedule> unchanged(AnswerMatcher.Match match) {
    Check check = match.check();
    KlingNews news = match.news();
    if (news.status() == KlingStatus.UNKNOWN) {
      tasks.note(check.taskId(), Source.POLL, news.word(), "not-understood", news.message());
    }
    TaskStatus claimed = check.proving();
    if (claimed != null && check.proofs() + 1 >= PROOF_ATTEMPTS) {
      untrue(check, claimed, news.word());
      return silence.overdue(check, null);
    }
    return claimed == null
        ? silence.overdue(check, null)
        : Optional.of(silence.askAgain(check, check.proofs() + 1));
  }
}
