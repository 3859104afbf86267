package io.klingtracker.reconcile;

import io.klingtracker.database.SqlStates;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.retry.Backoff;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.tracking.CheckPlan;
import io.klingtracker.tracking.KlingWords;
import io.klingtracker.tracking.Reports;
import io.klingtracker.tracking.TrackingConfig;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;

/**
 * What becomes of a task after Kling was asked: it moves, it is asked about again, it is expired,
 * or nobody asks any more.
 */
@Singleton
class Verdicts {

  private static final Logger LOG = Logger.getLogger(Verdicts.class);
  private static final double JITTER = 0.2;

  /** News that is applied in one statement. */
  private static final int CHUNK = 250;

  private final ReconcileStore store;
  private final Tasks tasks;
  private final CheckPlan plan;
  private final Reports reports;
  private final ReconcileConfig config;
  private final Duration expireAfter;
  private final Clock clock;
  private final Backoff proofs;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  Verdicts(
      ReconcileStore store,
      Tasks tasks,
      CheckPlan plan,
      Reports reports,
      ReconcileConfig config,
      TrackingConfig tracking,
      Clock clock) {
    this.store = store;
    this.tasks = tasks;
    this.plan = plan;
    this.reports = reports;
    this.config = config;
    this.expireAfter = tracking.expireAfter();
    this.clock = clock;
    this.proofs = new Backoff(config.proof().first(), config.proof().cap(), JITTER);
  }

  /**
   * Kling spoke of these. What it says of a task that is another tenant's is as good as nothing:
   * whoever named its id sees what he would see with one that Kling does not know.
   */
  void heard(List<Heard.Word> all) {
    List<Heard.Word> tracked = all.stream().filter(word -> word.check().tracked()).toList();
    Set<String> others = tracked.isEmpty() ? Set.of() : store.othersTasks(tracked);
    List<Heard.Word> words = all;
    if (!others.isEmpty()) {
      words = all.stream().filter(word -> !others.contains(word.check().taskId())).toList();
      silent(
          tracked.stream()
              .map(Heard.Word::check)
              .filter(check -> others.contains(check.taskId()))
              .toList());
    }
    for (int from = 0; from < words.size(); from += CHUNK) {
      chunk(words.subList(from, Math.min(words.size(), from + CHUNK)));
    }
  }

  /** Kling did not answer, or knows nothing of these. */
  void silent(Collection<Check> checks) {
    store.later(checks.stream().map(this::unheard).flatMap(Optional::stream).toList());
  }

  /** These were not asked about for want of room; soon. */
  void postponed(Collection<Check> checks) {
    Instant soon = clock.instant().plus(config.poll());
    store.later(
        checks.stream()
            .map(
                check ->
                    new ReconcileStore.Later(check, soon, check.proving() != null, check.proofs()))
            .toList());
  }

  private void chunk(List<Heard.Word> words) {
    List<ReconcileStore.Later> later = new ArrayList<>();
    List<Heard.Word> news = new ArrayList<>();
    for (Heard.Word word : words) {
      if (isNews(word)) {
        news.add(word);
      } else {
        unchanged(word).ifPresent(later::add);
      }
    }
    apply(news, later);
    store.later(later);
  }

  /** What we know already is no news; an id that we do not know yet is. */
  private static boolean isNews(Heard.Word word) {
    Check check = word.check();
    KlingStatus said = word.said().status();
    if (said == KlingStatus.UNKNOWN) {
      return false;
    }
    TaskStatus status = KlingWords.status(said);
    return check.status().accepts(status)
        || check.klingTaskId() == null
        || check.status().isFinal();
  }

  private void apply(List<Heard.Word> news, List<ReconcileStore.Later> later) {
    if (news.isEmpty()) {
      return;
    }
    Map<String, Outcome> outcomes;
    try {
      outcomes = tasks.applyUnlocked(news.stream().map(this::news).toList());
    } catch (RuntimeException e) {
      if (news.size() > 1 && !SqlStates.isDatabaseAway(e)) {
        // One bad row must not fail its neighbours.
        news.forEach(word -> apply(List.of(word), later));
        return;
      }
      if (!Tasks.isOtherTasksId(e)) {
        throw e;
      }
      Heard.Word word = news.get(0);
      tasks.note(word.check().taskId(), Source.POLL, null, "other-task", "another task has its id");
      unheard(word.check()).ifPresent(later::add);
      return;
    }
    List<Reports.Report> done = new ArrayList<>();
    for (Heard.Word word : news) {
      Outcome outcome = outcomes.getOrDefault(word.check().taskId(), new Outcome.NoSuchTask());
      if (outcome instanceof Outcome.Busy) {
        later.add(soon(word.check()));
        continue;
      }
      done.add(report(word, outcome));
      if (!ended(outcome)) {
        unchanged(word).ifPresent(later::add);
      } else {
        disproved(word);
      }
    }
    reports.book(done);
  }

  private News news(Heard.Word word) {
    return KlingWords.toNews(
            word.check().taskId(),
            Source.POLL,
            word.said(),
            word.said().status().isFinal() ? null : plan.first(word.check().watched()))
        .orElseThrow();
  }

  private static boolean ended(Outcome outcome) {
    return outcome instanceof Outcome.Moved moved && moved.change().status().isFinal()
        || outcome instanceof Outcome.Ignored ignored && ignored.status().isFinal()
        || outcome instanceof Outcome.NoSuchTask;
  }

  private Reports.Report report(Heard.Word word, Outcome outcome) {
    Check check = word.check();
    return new Reports.Report(
        check.taskId(),
        check.kind(),
        check.upstreamModel(),
        check.account(),
        Source.POLL,
        word.said(),
        outcome,
        check.leadMillis(),
        true);
  }

  /** The end came out otherwise than a callback had claimed. */
  private void disproved(Heard.Word word) {
    TaskStatus claimed = word.check().proving();
    if (claimed != null
        && word.said().status().isFinal()
        && claimed != KlingWords.status(word.said().status())) {
      untrue(word.check(), claimed, word.said().word());
    }
  }

  private void untrue(Check check, TaskStatus claimed, String said) {
    tasks.note(check.taskId(), Source.POLL, claimed.word(), "untrue", "asked, Kling says " + said);
    reports.untrue(check.taskId(), check.account(), claimed.word());
  }

  /** Kling answered, and nothing ended. */
  private Optional<ReconcileStore.Later> unchanged(Heard.Word word) {
    Check check = word.check();
    KlingNews said = word.said();
    if (said.status() == KlingStatus.UNKNOWN) {
      tasks.note(check.taskId(), Source.POLL, said.word(), "not-understood", said.message());
    }
    TaskStatus claimed = check.proving();
    if (claimed != null && check.proofs() + 1 >= config.proof().attempts()) {
      untrue(check, claimed, said.word());
      return overdue(check, false);
    }
    return claimed == null
        ? overdue(check, false)
        : Optional.of(askAgain(check, check.proofs() + 1));
  }

  /** Kling did not answer, or knows nothing of the task. */
  private Optional<ReconcileStore.Later> unheard(Check check) {
    return check.proving() == null
        ? overdue(check, true)
        : Optional.of(askAgain(check, check.proofs()));
  }

  private ReconcileStore.Later askAgain(Check check, int answers) {
    Duration wait = proofs.after(check.checks(), random);
    return new ReconcileStore.Later(check, clock.instant().plus(wait), true, answers);
  }

  private ReconcileStore.Later soon(Check check) {
    return new ReconcileStore.Later(
        check,
        clock.instant().plus(config.proof().first()),
        check.proving() != null,
        check.proofs());
  }

  /** Asked about again, expired, or given up. */
  private Optional<ReconcileStore.Later> overdue(Check check, boolean unheard) {
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
      tasks.apply(News.of(check.taskId(), Source.POLL, new TaskSignal.Expired(why(unheard))));
      return Optional.of(notProving(check, now.plus(config.expiredEvery())));
    }
    Instant next = plan.next(check.watched(), check.checks());
    Instant expiry = check.updatedAt().plus(expireAfter);
    return Optional.of(notProving(check, next.isAfter(expiry) ? expiry : next));
  }

  private static ReconcileStore.Later notProving(Check check, Instant due) {
    return new ReconcileStore.Later(check, due, false, 0);
  }

  private String why(boolean unheard) {
    return "no news from Kling for "
        + expireAfter.toSeconds()
        + " s"
        + (unheard ? "; it does not answer or does not know the task" : "");
  }
}
