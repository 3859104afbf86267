package io.klingtracker.callback;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.retry.Backoff;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.CheckRequested;
import io.klingtracker.upstream.KlingWords;
import io.klingtracker.upstream.Reports;
import io.klingtracker.upstream.UnnamedIds;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a callback: it is applied, proved, noted with the reason why it is not applied,
 * tried again later, or set aside.
 */
@Singleton
class CallbackSettler {

  private static final Logger LOG = Logger.getLogger(CallbackSettler.class);

  /** What a task's timeline says of one that was set aside. */
  private static final String SET_ASIDE_REASON = "set-aside";

  private final Jdbi jdbi;
  private final PendingStore store;
  private final ProofStore proofs;
  private final UnnamedIds ids;
  private final SetAside setAside;
  private final Tasks tasks;
  private final CheckPlan plan;
  private final Reports reports;
  private final Event<CheckRequested> checkRequested;
  private final CallbackConfig config;
  private final Clock clock;
  private final Backoff backoff;
  private final RandomGenerator random = RandomGenerator.getDefault();

  /** A callback, read. */
  private record Read(PendingCallback callback, KlingNews news, PendingCallback.TaskState task) {
    Reports.Report report(Outcome outcome, boolean proved) {
      return new Reports.Report(task.ref(), Source.CALLBACK, news, outcome, lead(), proved);
    }

    private Long lead() {
      if (task.leadMillis() != null) {
        return task.leadMillis();
      }
      return task.nextCheckAt() == null
          ? 0L
          : Math.max(0, Duration.between(callback.receivedAt(), task.nextCheckAt()).toMillis());
    }
  }

  @Inject
  CallbackSettler(
      Jdbi jdbi,
      PendingStore store,
      ProofStore proofs,
      UnnamedIds ids,
      SetAside setAside,
      Tasks tasks,
      CheckPlan plan,
      Reports reports,
      Event<CheckRequested> checkRequested,
      CallbackConfig config,
      Clock clock) {
    this.jdbi = jdbi;
    this.store = store;
    this.proofs = proofs;
    this.ids = ids;
    this.setAside = setAside;
    this.tasks = tasks;
    this.plan = plan;
    this.reports = reports;
    this.checkRequested = checkRequested;
    this.config = config;
    this.clock = clock;
    this.backoff = new Backoff(PendingStore.RETRY_FIRST, PendingStore.RETRY_CAP);
  }

  /**
   * Settles callbacks that were claimed.
   *
   * @return the verdicts of those that are processed, by receipt; the others come again
   */
  Map<Long, String> settle(List<PendingCallback> claimed) {
    Map<Long, String> verdicts = new HashMap<>();
    List<Read> reads = new ArrayList<>();
    Batch.each(claimed, callback -> judge(callback, reads, verdicts), this::failed);
    apply(reads, verdicts);
    return verdicts;
  }

  private void judge(PendingCallback callback, List<Read> reads, Map<Long, String> verdicts) {
    KlingNews news = KlingReader.callback(callback.body()).orElse(null);
    PendingCallback.TaskState task = callback.task();
    if (news == null) {
      verdicts.put(callback.receiptId(), "unreadable");
    } else if (task == null) {
      verdicts.put(callback.receiptId(), "no-task");
    } else {
      decide(new Read(callback, news, task), reads, verdicts);
    }
  }

  private void decide(Read read, List<Read> reads, Map<Long, String> verdicts) {
    PendingCallback callback = read.callback();
    CallbackDecision decision = CallbackDecision.of(callback, read.news(), config.verify());
    if (counts(decision) && isOthers(read)) {
      note(read, "other-task", "another task has its id at Kling", verdicts);
    } else if (decision instanceof CallbackDecision.Apply) {
      reads.add(read);
    } else if (decision instanceof CallbackDecision.Prove proof) {
      prove(read, proof, verdicts);
    } else if (decision instanceof CallbackDecision.Wait) {
      await(read, verdicts);
    } else if (decision instanceof CallbackDecision.Ask ask) {
      note(read, "not-understood", ask.fault(), verdicts);
      ask(callback.taskId());
    } else if (decision instanceof CallbackDecision.Note note) {
      note(read, note.reason(), note.detail(), verdicts);
      if (read.news().status().isFinal()) {
        // Also books a callback that comes after its end was found by asking.
        reports.book(
            List.of(read.report(new Outcome.Ignored(read.task().status(), note.reason()), false)));
      }
    } else {
      verdicts.put(callback.receiptId(), "no-task");
    }
  }

  private static boolean counts(CallbackDecision decision) {
    return decision instanceof CallbackDecision.Apply || decision instanceof CallbackDecision.Prove;
  }

  /** A signed one tells its id, which is refused where it is applied. */
  private boolean isOthers(Read read) {
    String named = read.news().klingTaskId();
    return named != null
        && read.task().klingTaskId() == null
        && read.task().unnamed()
        && !trusts(read.callback())
        && ids.take(read.callback().taskId(), named).isPresent();
  }

  private void note(Read read, String reason, @Nullable String detail, Map<Long, String> verdicts) {
    // What was said of another task is not for this one to show.
    String word = reason.equals("other-task") ? null : read.news().word();
    tasks.note(read.callback().taskId(), Source.CALLBACK, word, reason, detail);
    verdicts.put(read.callback().receiptId(), reason);
  }

  private void prove(Read read, CallbackDecision.Prove proof, Map<Long, String> verdicts) {
    PendingCallback callback = read.callback();
    if (proofs.prove(callback, proof.claimed(), read.news().klingTaskId())) {
      note(read, "to-confirm", "asking Kling before it counts", verdicts);
      checkRequested.fire(new CheckRequested(callback.taskId()));
    } else if (callback.attempts() < SetAside.MAX_ATTEMPTS) {
      // It has ended since we looked, or is in a state in which nobody can be asked: look again.
      store.later(callback, retryAt(callback));
    } else {
      note(read, "untrue", "nobody can be asked about it", verdicts);
    }
  }

  private void await(Read read, Map<Long, String> verdicts) {
    PendingCallback callback = read.callback();
    if (callback.attempts() < SetAside.MAX_ATTEMPTS) {
      store.later(callback, retryAt(callback));
    } else {
      note(read, "untrue", "Kling did not have it, and it was not sent again yet", verdicts);
    }
  }

  /** In rounds, since a statement takes one piece of news for each task. */
  private void apply(List<Read> reads, Map<Long, String> verdicts) {
    List<Read> left = reads;
    while (!left.isEmpty()) {
      Map<String, Read> round = new LinkedHashMap<>();
      List<Read> next = new ArrayList<>();
      for (Read read : left) {
        if (round.putIfAbsent(read.callback().taskId(), read) != null) {
          next.add(read);
        }
      }
      applyRound(round.values(), verdicts);
      left = next;
    }
  }

  private void applyRound(Collection<Read> round, Map<Long, String> verdicts) {
    Map<String, Outcome> outcomes = new HashMap<>();
    Batch.apply(
        round,
        some -> outcomes.putAll(tasks.applyUnlocked(some.stream().map(this::news).toList())),
        (read, failure) -> refused(read, failure, verdicts));
    List<Reports.Report> done = new ArrayList<>();
    Batch.each(
        round.stream().filter(read -> outcomes.containsKey(read.callback().taskId())).toList(),
        read -> {
          PendingCallback callback = read.callback();
          Outcome outcome = Objects.requireNonNull(outcomes.get(callback.taskId()));
          if (outcome instanceof Outcome.Busy) {
            store.later(callback, retryAt(callback));
          } else {
            verdicts.put(callback.receiptId(), verdict(outcome));
            done.add(read.report(outcome, trusts(callback)));
          }
        },
        (read, failure) -> failed(read.callback(), failure));
    reports.book(done);
  }

  private void refused(Read read, RuntimeException failure, Map<Long, String> verdicts) {
    if (Tasks.isOtherTasksId(failure)) {
      note(read, "other-task", "another task has its id at Kling", verdicts);
    } else {
      failed(read.callback(), failure);
    }
  }

  /** Tried again later, or set aside: then Kling is asked, as about any task that stays silent. */
  void failed(PendingCallback callback, RuntimeException failure) {
    String reason = SetAside.reason(failure);
    if (!SetAside.isDue(failure, callback.attempts())) {
      LOG.warnf("taskId=%s a callback failed and is tried again: %s", callback.taskId(), reason);
      store.later(callback, retryAt(callback));
      return;
    }
    LOG.errorf(
        "taskId=%s receipt=%d a callback is set aside: %s",
        callback.taskId(), callback.receiptId(), reason);
    jdbi.useTransaction(
        handle -> {
          setAside.put(
              handle,
              CallbackProcessor.SET_ASIDE,
              Long.toString(callback.receiptId()),
              callback.taskId(),
              failure,
              callback.attempts());
          store.setAside(handle, callback);
        });
    store.settle(Map.of(callback.receiptId(), SET_ASIDE_REASON));
    tasks.note(callback.taskId(), Source.CALLBACK, null, SET_ASIDE_REASON, reason);
    ask(callback.taskId());
  }

  private void ask(String taskId) {
    proofs.ask(taskId);
    checkRequested.fire(new CheckRequested(taskId));
  }

  private Instant retryAt(PendingCallback callback) {
    return clock.instant().plus(backoff.after(callback.attempts(), random));
  }

  /**
   * An unsigned callback says how far the task is, but not which of Kling's tasks it is: that we
   * learn from Kling itself.
   */
  private News news(Read read) {
    PendingCallback.TaskState task = read.task();
    News news =
        KlingWords.toNews(
                read.callback().taskId(),
                Source.CALLBACK,
                read.news(),
                plan.first(task.ref(), task.startedAt()))
            .orElseThrow();
    if (trusts(read.callback())) {
      return news;
    }
    String named = read.news().klingTaskId();
    if (task.klingTaskId() == null && named != null && task.tracked()) {
      proofs.learn(read.callback().taskId(), named);
    }
    return new News(
        news.taskId(), news.source(), news.signal(), null, null, news.nextCheckAt(), news.word());
  }

  private boolean trusts(PendingCallback callback) {
    return config.verify().trusts(callback.signed());
  }

  private static String verdict(Outcome outcome) {
    if (outcome instanceof Outcome.Ignored ignored) {
      return ignored.reason();
    }
    return outcome instanceof Outcome.Moved ? "applied" : "no-task";
  }
}
