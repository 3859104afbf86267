package io.klingtracker.reconcile;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.loops.SetAside;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Asks Kling about tasks of one account and kind: in its lists, by twenty ids a call, or one by
 * one, whichever takes the fewest calls. Calls are shared by tenants, see {@link CallRate}; only
 * reading lists holds a thread.
 */
final class Asker {

  private static final Logger LOG = Logger.getLogger(Asker.class);

  private final CheckSettler checkSettler;
  private final DoubtSettler doubts;
  private final KlingClient kling;
  private final Executor executor;
  private final Progress progress;

  /**
   * Most questions about single tasks, or about twenty ids, of one account at a time; the others
   * wait. One tenant has half of them at the most.
   */
  private static final int SINGLES = 100;

  private final CallRate rate;
  private final ListReader reader;
  private final UnnamedSearch search;

  /** Questions about several tasks, and about one. */
  private final Questions together;

  private final Questions alone;

  /** Learns what becomes of the questions, on whatever thread that is known. */
  interface Progress {
    /** These are not asked about any more. */
    void done(Collection<Check> checks);

    /** What becomes of these could not be settled; they are not asked about any more. */
    void failed(List<Check> checks, Throwable failure);

    /** A question was settled, one way or the other. */
    void settled();
  }

  /**
   * Tasks of one account and kind that are asked about.
   *
   * @param seen what became of reading the lists
   */
  private record Round(String account, Kind kind, Silence.Lists seen) {}

  Asker(
      ReconcileStore store,
      CheckSettler checkSettler,
      DoubtSettler doubts,
      KlingClient kling,
      ReconcileConfig config,
      Clock clock,
      Executor executor,
      Progress progress) {
    this.checkSettler = checkSettler;
    this.doubts = doubts;
    this.kling = kling;
    this.executor = executor;
    this.progress = progress;
    this.rate = new CallRate(config.rate(), System::nanoTime);
    this.reader = new ListReader(kling, rate, clock);
    this.search = new UnnamedSearch(kling, rate, store, doubts.certainAfter(), clock);
    this.together = new Questions(SINGLES * KlingClient.MAX_IDS);
    this.alone = new Questions(SINGLES);
  }

  /**
   * Asks about tasks, whose answers are settled later.
   *
   * @param name of their kind
   * @param listed whether Kling's lists are read first
   */
  void ask(String account, String name, List<Check> checks, boolean listed) {
    // A newer version's kind, or an older one's: whoever knows it asks.
    Optional<Kind> kind = Catalog.current().ofSent(name);
    if (kind.isPresent()) {
      checks = withoutUnnamed(account, kind.get(), checks, listed);
    }
    Map<Boolean, List<Check>> askable =
        checks.stream().collect(Collectors.partitioningBy(c -> kind.isPresent() && c.canBeAsked()));
    List<Check> nameless = askable.getOrDefault(false, List.of());
    checkSettler.unanswered(
        nameless,
        Silence.unasked(kind.isPresent() ? "there is no id to ask for" : Catalog.noKind(name)));
    progress.done(nameless);
    List<Check> left = askable.getOrDefault(true, List.of());
    if (left.isEmpty()) {
      return;
    }
    Silence.Lists seen = Silence.Lists.UNREAD;
    if (listed) {
      AnswerMatcher matcher = new AnswerMatcher(CheckShares.inTurn(left));
      seen = reader.read(account, kind.orElseThrow(), left, matcher, checkSettler::settle);
      left = leftOut(left, matcher);
    }
    ask(new Round(account, kind.orElseThrow(), seen), left);
  }

  /** Creates without an id of ours are looked for once they cannot arrive any more. */
  private List<Check> withoutUnnamed(
      String account, Kind kind, List<Check> checks, boolean listed) {
    List<Check> unnamed =
        checks.stream().filter(check -> check.isUnnamed() && !check.aside()).toList();
    if (unnamed.isEmpty()) {
      return checks;
    }
    List<Check> due = listed ? unnamed.stream().filter(doubts::needsLists).toList() : List.of();
    Map<Check, UnnamedSearch.Verdict> verdicts =
        due.isEmpty() ? Map.of() : search.look(account, kind, due);
    List<AnswerMatcher.Match> found = new ArrayList<>();
    for (Check check : unnamed) {
      UnnamedSearch.Verdict verdict = verdicts.get(check);
      KlingNews news = verdict == null ? null : verdict.news();
      if (news != null) {
        found.add(new AnswerMatcher.Match(check, news));
      } else {
        checkSettler.unanswered(
            List.of(check),
            verdict == null
                ? Silence.unknown(Silence.Lists.UNREAD)
                : Silence.searched(verdict.words()));
      }
    }
    checkSettler.settle(found);
    progress.done(unnamed);
    return checks.stream().filter(check -> !unnamed.contains(check)).toList();
  }

  /** Those of which nothing was received; the others are done. */
  private List<Check> leftOut(List<Check> asked, AnswerMatcher matcher) {
    Collection<Check> unanswered = matcher.unanswered();
    Set<String> left = unanswered.stream().map(Check::taskId).collect(Collectors.toSet());
    progress.done(asked.stream().filter(check -> !left.contains(check.taskId())).toList());
    return List.copyOf(unanswered);
  }

  /** In questions about one, or about twenty; for want of room some wait. */
  private void ask(Round round, List<Check> checks) {
    boolean byIds =
        kling.takesIds(round.account())
            && (checks.size() > 1 || round.kind().dialect() != Kind.Dialect.LEGACY);
    if (!byIds) {
      askAlone(round, checks);
      return;
    }
    CheckShares.Shares shares = together.take(round.account(), checks);
    defer(shares.deferred());
    chunks(shares.asked()).forEach(question -> askTogether(round, question));
  }

  private void defer(List<Check> checks) {
    if (!checks.isEmpty()) {
      checkSettler.defer(checks);
      progress.done(checks);
    }
  }

  /** Whom such a question leaves out, and all where it fails, are asked for one by one at once. */
  private void askTogether(Round round, List<Check> question) {
    String account = round.account();
    Check first = question.get(0);
    boolean known = first.klingTaskId() != null;
    List<String> ids = question.stream().map(Asker::idOf).toList();
    call(
            account,
            first,
            () -> known ? kling.tasks(account, ids) : kling.tasksByExternalId(account, ids))
        .whenComplete(
            (answer, failure) ->
                settle(
                    round,
                    together,
                    question,
                    () -> {
                      AnswerMatcher matcher = new AnswerMatcher(question);
                      if (answer instanceof ListAnswer.Found found) {
                        checkSettler.settle(matcher.among(found.tasks()));
                      } else {
                        LOG.debugf("Kling was not asked by ids: %s %s", answer, failure);
                      }
                      askAlone(round, leftOut(question, matcher));
                    }));
  }

  private void askAlone(Round round, List<Check> checks) {
    if (checks.isEmpty()) {
      return;
    }
    CheckShares.Shares shares = alone.take(round.account(), checks);
    defer(shares.deferred());
    for (Check check : shares.asked()) {
      call(
              round.account(),
              check,
              () -> kling.query(round.account(), check.queryPath(round.kind())))
          .whenComplete(
              (answer, failure) ->
                  settle(
                      round,
                      alone,
                      List.of(check),
                      () -> {
                        settle(round, check, answer, failure);
                        progress.done(List.of(check));
                      }));
    }
  }

  private void settle(
      Round round, Check check, @Nullable QueryAnswer answer, @Nullable Throwable failure) {
    if (answer instanceof QueryAnswer.Found found) {
      List<AnswerMatcher.Match> matches =
          new AnswerMatcher(List.of(check)).among(List.of(found.news()));
      checkSettler.settle(matches);
      if (matches.isEmpty()) {
        checkSettler.unanswered(
            List.of(check), Silence.unasked("Kling answered about another task"));
      }
    } else if (answer instanceof QueryAnswer.NotFound) {
      checkSettler.unanswered(List.of(check), Silence.unknown(round.seen()));
    } else if (answer instanceof QueryAnswer.NoAnswer none) {
      checkSettler.unanswered(List.of(check), Silence.unasked(none.reason()));
    } else {
      // For a reason that nobody foresaw, which is nobody else's.
      String reason = failure == null ? "" : SetAside.reason(failure);
      LOG.warnf("taskId=%s Kling could not be asked: %s", check.taskId(), reason);
      checkSettler.unanswered(List.of(check), Silence.unasked(reason));
    }
  }

  /** Not on the thread that brought the answer: it is written to the database. */
  private void settle(Round round, Questions room, List<Check> question, Runnable settling) {
    room.giveBack(round.account(), question);
    try {
      executor.execute(
          () -> {
            try {
              settling.run();
            } catch (RuntimeException e) {
              progress.failed(question, e);
            } finally {
              progress.settled();
            }
          });
    } catch (RejectedExecutionException e) {
      progress.done(question);
    }
  }

  private static String idOf(Check check) {
    return check.klingTaskId() != null ? check.klingTaskId() : String.valueOf(check.ownId());
  }

  /** Kling's ids and the others are asked for apart. */
  private static List<List<Check>> chunks(List<Check> checks) {
    List<List<Check>> chunks = new ArrayList<>();
    Map<Boolean, List<Check>> byName =
        checks.stream().collect(Collectors.partitioningBy(check -> check.klingTaskId() != null));
    for (List<Check> named : byName.values()) {
      for (int from = 0; from < named.size(); from += KlingClient.MAX_IDS) {
        chunks.add(named.subList(from, Math.min(named.size(), from + KlingClient.MAX_IDS)));
      }
    }
    return chunks;
  }

  /** In its turn, so that no account is asked faster than allowed. */
  private <T> CompletableFuture<T> call(
      String account, Check turn, Supplier<CompletionStage<T>> question) {
    return rate.call(account, turn.urgency(), turn.tenant(), question);
  }
}
