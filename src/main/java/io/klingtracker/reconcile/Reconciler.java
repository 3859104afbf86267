package io.klingtracker.reconcile;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingLists;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.Presence;
import io.klingtracker.upstream.CheckRequested;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Asks Kling about tasks that stay silent, and at once about those of which an unproved callback
 * says that they ended, and about creates in doubt. What Kling answers itself needs no further
 * proof. Tasks of one account and kind are asked about together: by reading Kling's lists, by
 * twenty ids a call, or one by one, whichever takes the fewest calls. Calls are shared by tenants,
 * see {@link CallRate}; only reading lists holds a thread.
 */
@Startup
@Singleton
class Reconciler {

  private static final Logger LOG = Logger.getLogger(Reconciler.class);

  /** A round that failed is begun again after this. */
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);

  private final ReconcileStore store;
  private final CheckQueue queue;
  private final CheckSettler checkSettler;
  private final DoubtSettler settler;
  private final KlingClient kling;
  private final KlingLists lists;
  private final ReconcileConfig config;
  private final Clock clock;
  private final ExecutorService executor;
  private final CallRate rate;
  private final ListReader reader;
  private final AtomicInteger rounds = new AtomicInteger();
  private final Map<String, Check> inFlight = new ConcurrentHashMap<>();

  /** Questions about several tasks, and about one. */
  private final Questions together;

  private final Questions alone;

  private volatile Instant failedAgainAt = Instant.MIN;

  /** Whether the latest claim left some for want of room. */
  private volatile boolean full;

  private final WorkLoop loop;

  private record Group(String account, String kind) {}

  /**
   * Tasks of one account and kind that are asked about.
   *
   * @param seen what became of reading the lists
   */
  private record Round(Group group, Kind kind, Silence.Lists seen) {
    String account() {
      return group.account();
    }
  }

  @Inject
  Reconciler(
      ReconcileStore store,
      CheckQueue queue,
      CheckSettler checkSettler,
      DoubtSettler settler,
      KlingClient kling,
      KlingLists lists,
      ReconcileConfig config,
      Clock clock,
      ExecutorService executor,
      Presence presence,
      Loops loops) {
    this.store = store;
    this.queue = queue;
    this.checkSettler = checkSettler;
    this.settler = settler;
    this.kling = kling;
    this.lists = lists;
    this.config = config;
    this.clock = clock;
    this.executor = executor;
    this.rate = new CallRate(config.rate(), System::nanoTime);
    this.reader = new ListReader(lists, rate, clock);
    this.together = new Questions(config.singles() * KlingLists.MAX_IDS);
    this.alone = new Questions(config.singles());
    this.loop =
        loops.add(
            WorkLoop.named("reconciler")
                .every(config.poll())
                .oldest(store::oldest)
                .work(this::runOnce));
    presence.frees("reconciler", "open_task", loop::wake);
  }

  void onRequest(@Observes CheckRequested request) {
    loop.wake();
  }

  /** One pass; true when there may be more. */
  boolean runOnce() {
    int room = config.batch() - inFlight.size();
    // Before the claim, so that room made meanwhile is not missed.
    full = true;
    if (room <= 0) {
      return false;
    }
    Map<String, String> asking = new HashMap<>();
    inFlight.forEach((id, check) -> asking.put(id, check.tenant()));
    boolean failed = !clock.instant().isBefore(failedAgainAt);
    List<Check> due =
        Batch.claim(
            () -> store.claim(asking, failed, room),
            () -> store.due(asking.keySet(), failed, room),
            only -> store.claimOnly(asking.keySet(), failed, only),
            queue::unclaimed);
    due.forEach(check -> inFlight.put(check.taskId(), check));
    Map<Group, List<Check>> groups =
        due.stream().collect(Collectors.groupingBy(c -> new Group(c.account(), c.kind())));
    groups.forEach(this::start);
    full = leftSome(asking.values(), due, room);
    return due.size() >= (room + 1) / 2;
  }

  /** Whether a tenant got all that it may have, so that more of it may be due. */
  static boolean leftSome(Collection<String> asking, List<Check> due, int room) {
    Map<String, Integer> before = new HashMap<>();
    asking.forEach(tenant -> before.merge(tenant, 1, Integer::sum));
    Map<String, Integer> got = new HashMap<>(before);
    got.replaceAll((tenant, count) -> 0);
    due.forEach(check -> got.merge(check.tenant(), 1, Integer::sum));
    return got.entrySet().stream()
        .anyMatch(
            entry ->
                entry.getValue()
                    >= ReconcileStore.roomOf(before.getOrDefault(entry.getKey(), 0), room));
  }

  /** How many are asked about at present. */
  int asking() {
    return inFlight.size();
  }

  /**
   * Where many are silent, or it has to be proved that Kling does not have a task, its lists are
   * read; whatever is left is asked for one by one.
   */
  private void start(Group group, List<Check> checks) {
    int listFrom =
        lists.takesIds(group.account()) ? config.listFromWithApiKey() : config.listFrom();
    boolean worthIt =
        checks.stream().filter(Reconciler::mayBeListed).count() >= listFrom
            || checks.stream().anyMatch(settler::needsLists);
    boolean listed = worthIt && rounds.incrementAndGet() <= config.parallel();
    if (worthIt && !listed) {
      rounds.decrementAndGet();
    }
    try {
      executor.execute(() -> run(group, checks, listed));
    } catch (RejectedExecutionException e) {
      // Shutting down: another replica asks.
      done(checks);
      if (listed) {
        rounds.decrementAndGet();
      }
    }
  }

  /** Kling's lists are not read for what it does not seem to know. */
  private static boolean mayBeListed(Check check) {
    return check.canBeAsked() && check.urgency() != Urgency.UNKNOWN;
  }

  private void run(Group group, List<Check> checks, boolean listed) {
    try {
      // A newer version's kind, or an older one's: whoever knows it asks.
      Optional<Kind> kind = Catalog.current().ofName(group.kind());
      Map<Boolean, List<Check>> askable =
          checks.stream()
              .collect(Collectors.partitioningBy(c -> kind.isPresent() && c.canBeAsked()));
      List<Check> nameless = askable.getOrDefault(false, List.of());
      checkSettler.unanswered(nameless, Silence.unasked("there is no id to ask for"));
      done(nameless);
      List<Check> left = askable.getOrDefault(true, List.of());
      if (left.isEmpty()) {
        return;
      }
      Silence.Lists seen = Silence.Lists.UNREAD;
      if (listed) {
        AnswerMatcher matcher = new AnswerMatcher(CheckShares.inTurn(left));
        seen =
            reader.read(group.account(), kind.orElseThrow(), left, matcher, checkSettler::settle);
        left = leftOut(left, matcher);
      }
      ask(new Round(group, kind.orElseThrow(), seen), left);
    } catch (RuntimeException e) {
      failed(group, checks, e);
    } finally {
      if (listed) {
        rounds.decrementAndGet();
      }
    }
  }

  private void failed(Group group, List<Check> checks, Throwable failure) {
    failedAgainAt = clock.instant().plus(AFTER_FAILURE);
    LOG.warnf(
        "account=%s kind=%s asking about %d tasks failed: %s",
        group.account(), group.kind(), checks.size(), failure.getMessage());
    done(checks);
  }

  private void done(Collection<Check> checks) {
    // One that was settled and claimed once more meanwhile stays.
    checks.forEach(check -> inFlight.remove(check.taskId(), check));
  }

  /** Those of which nothing was received; the others are done. */
  private List<Check> leftOut(List<Check> asked, AnswerMatcher matcher) {
    Collection<Check> unanswered = matcher.unanswered();
    Set<String> left = unanswered.stream().map(Check::taskId).collect(Collectors.toSet());
    done(asked.stream().filter(check -> !left.contains(check.taskId())).toList());
    return List.copyOf(unanswered);
  }

  /** In questions about one, or about twenty; for want of room some wait. */
  private void ask(Round round, List<Check> checks) {
    boolean byIds =
        lists.takesIds(round.account())
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
      done(checks);
    }
  }

  /** Whom such a question leaves out, and all where it fails, are asked for one by one at once. */
  private void askTogether(Round round, List<Check> question) {
    String account = round.account();
    Check first = question.get(0);
    boolean known = first.klingTaskId() != null;
    List<String> ids = question.stream().map(Reconciler::idOf).toList();
    call(
            account,
            first,
            () -> known ? lists.tasks(account, ids) : lists.tasksByExternalId(account, ids))
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
      call(round.account(), check, () -> kling.query(round.account(), check.queryPath()))
          .whenComplete(
              (answer, failure) ->
                  settle(
                      round,
                      alone,
                      List.of(check),
                      () -> {
                        settle(round, check, answer, failure);
                        done(List.of(check));
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
              failed(round.group(), question, e);
            } finally {
              // A claim for each answer would look through all that wait, each time for a few.
              if (full) {
                loop.wake();
              }
            }
          });
    } catch (RejectedExecutionException e) {
      done(question);
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
      for (int from = 0; from < named.size(); from += KlingLists.MAX_IDS) {
        chunks.add(named.subList(from, Math.min(named.size(), from + KlingLists.MAX_IDS)));
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
