package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingLists;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.rules.Kind;
import io.klingtracker.rules.Kinds;
import io.klingtracker.tracking.CheckRequested;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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
 * says that they ended. What Kling answers itself needs no further proof. Tasks of one account and
 * kind are asked about together: by reading Kling's lists, by twenty ids a call, or one by one,
 * whichever takes the fewest calls. Calls are shared by tenants, see {@link CallRate}; only reading
 * lists holds a thread.
 */
@Startup
@Singleton
class Reconciler {

  private static final Logger LOG = Logger.getLogger(Reconciler.class);

  /** Kling's list is left when it has held nothing of interest for so many pages. */
  private static final int IDLE_PAGES = 3;

  /** A round that failed is begun again after this. */
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);

  /** Kling's clock may differ from ours by so much. */
  private static final Duration SKEW = Duration.ofMinutes(5);

  /** Pages read for each page's worth of tasks asked about, at the most: others' stand between. */
  private static final int PAGES_PER_PAGE = 3;

  private final ReconcileStore store;
  private final Verdicts verdicts;
  private final KlingClient kling;
  private final KlingLists lists;
  private final ReconcileConfig config;
  private final Clock clock;
  private final ExecutorService executor;
  private final CallRate rate;
  private final AtomicInteger rounds = new AtomicInteger();
  private final Map<String, Check> inFlight = new ConcurrentHashMap<>();

  /** Questions under way, by account and tenant. Guarded by itself. */
  private final Map<String, Map<String, Integer>> questions = new HashMap<>();

  private volatile Instant renewAt = Instant.MIN;
  private volatile Instant failedAgainAt = Instant.MIN;
  private final WorkLoop loop;

  private record Group(String account, String kind) {}

  @Inject
  Reconciler(
      ReconcileStore store,
      Verdicts verdicts,
      KlingClient kling,
      KlingLists lists,
      ReconcileConfig config,
      Clock clock,
      ExecutorService executor,
      Loops loops) {
    this.store = store;
    this.verdicts = verdicts;
    this.kling = kling;
    this.lists = lists;
    this.config = config;
    this.clock = clock;
    this.executor = executor;
    this.rate = new CallRate(config.rate(), System::nanoTime);
    this.loop =
        loops.add(
            WorkLoop.named("reconciler")
                .every(config.poll())
                .oldest(store::oldest)
                .work(this::runOnce));
  }

  void onRequest(@Observes CheckRequested request) {
    loop.wake();
  }

  /** One pass; true when there may be more. */
  boolean runOnce() {
    renew();
    int room = config.batch() - inFlight.size();
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
            verdicts::unclaimed);
    due.forEach(check -> inFlight.put(check.taskId(), check));
    Map<Group, List<Check>> groups =
        due.stream().collect(Collectors.groupingBy(c -> new Group(c.account(), c.kind())));
    groups.forEach(this::start);
    return due.size() >= (room + 1) / 2;
  }

  /** How many are asked about at present. */
  int asking() {
    return inFlight.size();
  }

  private void renew() {
    Instant now = clock.instant();
    if (!now.isBefore(renewAt)) {
      renewAt = now.plus(config.lease().dividedBy(3));
      store.renew(inFlight.keySet());
    }
  }

  /** Where many are silent, Kling's lists are read; whatever is left is asked for one by one. */
  private void start(Group group, List<Check> checks) {
    int listFrom =
        lists.takesIds(group.account()) ? config.listFromWithApiKey() : config.listFrom();
    long listed = checks.stream().filter(Reconciler::mayBeListed).count();
    boolean many = listed >= listFrom && rounds.incrementAndGet() <= config.parallel();
    if (listed >= listFrom && !many) {
      rounds.decrementAndGet();
    }
    try {
      executor.execute(() -> run(group, checks, many));
    } catch (RejectedExecutionException e) {
      // Shutting down: the lease runs out and another replica asks.
      done(checks);
      if (many) {
        rounds.decrementAndGet();
      }
    }
  }

  /** Kling's lists are not read for what it does not seem to know. */
  private static boolean mayBeListed(Check check) {
    return check.canBeAsked() && check.urgency() != Urgency.UNKNOWN;
  }

  private void run(Group group, List<Check> checks, boolean many) {
    try {
      Map<Boolean, List<Check>> askable =
          checks.stream().collect(Collectors.partitioningBy(Check::canBeAsked));
      List<Check> left = askable.getOrDefault(true, List.of());
      List<Check> nameless = askable.getOrDefault(false, List.of());
      Optional<Kind> kind = Kinds.ofName(group.kind());
      if (kind.isEmpty()) {
        // A newer version's, or an older one's: whoever knows it asks; until then it is silent.
        nameless = checks;
        left = List.of();
      }
      verdicts.silent(nameless);
      done(nameless);
      if (many && !left.isEmpty()) {
        left = readMany(group, kind.orElseThrow(), left);
      }
      if (!left.isEmpty()) {
        ask(group, kind.orElseThrow(), left);
      }
    } catch (RuntimeException e) {
      failed(group, checks, e);
    } finally {
      if (many) {
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

  /** Those of which the lists say nothing. */
  private List<Check> readMany(Group group, Kind kind, List<Check> checks) {
    Heard heard = new Heard(CheckShares.inTurn(checks));
    if (kind.dialect() == Kind.Dialect.LEGACY) {
      readList(group.account(), kind, checks.size(), heard);
    } else if (lists.takesIds(group.account())) {
      readByTime(group.account(), checks, heard);
    }
    Collection<Check> silent = heard.silent();
    Set<String> left = silent.stream().map(Check::taskId).collect(Collectors.toSet());
    done(checks.stream().filter(check -> !left.contains(check.taskId())).toList());
    return List.copyOf(silent);
  }

  /** In questions about one, or about twenty; for want of room some wait. */
  private void ask(Group group, Kind kind, List<Check> checks) {
    boolean byIds =
        lists.takesIds(group.account())
            && (checks.size() > 1 || kind.dialect() != Kind.Dialect.LEGACY);
    List<List<Check>> asked = new ArrayList<>();
    List<Check> put;
    synchronized (questions) {
      Map<String, Integer> under =
          questions.computeIfAbsent(group.account(), name -> new HashMap<>());
      CheckShares.Shares shares =
          CheckShares.of(checks, under, config.singles() * (byIds ? KlingLists.MAX_IDS : 1));
      shares.asked().forEach(check -> under.merge(check.tenant(), 1, Integer::sum));
      asked.addAll(byIds ? chunks(shares.asked()) : shares.asked().stream().map(List::of).toList());
      put = shares.put();
    }
    if (!put.isEmpty()) {
      verdicts.postponed(put);
      done(put);
    }
    for (List<Check> question : asked) {
      answer(group, question, byIds)
          .whenComplete((words, failure) -> settle(group, question, words, failure));
    }
  }

  private CompletableFuture<List<Heard.Word>> answer(
      Group group, List<Check> question, boolean byIds) {
    Check first = question.get(0);
    String account = group.account();
    if (!byIds) {
      return call(account, first, () -> kling.query(account, first.queryPath()))
          .thenApply(
              answer ->
                  answer instanceof QueryAnswer.Found found
                      ? new Heard(question).among(List.of(found.news()))
                      : List.of());
    }
    boolean known = first.klingTaskId() != null;
    List<String> ids = question.stream().map(Reconciler::idOf).toList();
    return call(
            account,
            first,
            () -> known ? lists.tasks(account, ids) : lists.tasksByExternalId(account, ids))
        .thenApply(answer -> new Heard(question).among(found(answer).tasks()));
  }

  /** Not on the thread that brought the answer: it is written to the database. */
  private void settle(
      Group group,
      List<Check> question,
      @Nullable List<Heard.Word> words,
      @Nullable Throwable failure) {
    Runnable settling =
        () -> {
          try {
            if (words == null) {
              // For a reason that nobody foresaw, which is nobody else's.
              LOG.warnf(
                  "Kling could not be asked: %s", failure == null ? "" : SetAside.reason(failure));
              question.forEach(verdicts::unasked);
              done(question);
              return;
            }
            Set<String> spokenOf =
                words.stream().map(word -> word.check().taskId()).collect(Collectors.toSet());
            verdicts.heard(words);
            verdicts.silent(
                question.stream().filter(check -> !spokenOf.contains(check.taskId())).toList());
            done(question);
          } catch (RuntimeException e) {
            failed(group, question, e);
          } finally {
            loop.wake();
          }
        };
    synchronized (questions) {
      Map<String, Integer> under = questions.getOrDefault(group.account(), new HashMap<>());
      question.forEach(
          check -> under.computeIfPresent(check.tenant(), (t, n) -> n > 1 ? n - 1 : null));
    }
    try {
      executor.execute(settling);
    } catch (RejectedExecutionException e) {
      done(question);
    }
  }

  /** Page by page, as long as that is likely to be worth it. */
  private void readList(String account, Kind kind, int asked, Heard heard) {
    String path = kind.createPath(null);
    int pages = mostPages(asked);
    int idle = 0;
    for (int page = 1; page <= pages && !heard.silent().isEmpty() && idle < IDLE_PAGES; page++) {
      int number = page;
      List<KlingNews> found =
          read(call(account, first(heard), () -> lists.page(account, path, number))).tasks();
      List<Heard.Word> words = heard.among(found);
      verdicts.heard(words);
      idle = words.isEmpty() ? idle + 1 : 0;
      if (found.size() < KlingLists.PAGE) {
        break;
      }
    }
  }

  /** The newer generation has one list for all kinds, by the time of their creation. */
  private void readByTime(String account, List<Check> asked, Heard heard) {
    Instant now = clock.instant();
    Instant from =
        asked.stream().map(Check::startedAt).min(Comparator.naturalOrder()).orElse(now).minus(SKEW);
    int idle = 0;
    String cursor = null;
    for (int left = mostPages(asked.size());
        left > 0 && !heard.silent().isEmpty() && idle < IDLE_PAGES;
        left--) {
      String after = cursor;
      ListAnswer.Found page =
          read(call(account, first(heard), () -> lists.created(account, from, now, after)));
      List<Heard.Word> words = heard.among(page.tasks());
      verdicts.heard(words);
      idle = words.isEmpty() ? idle + 1 : 0;
      cursor = page.next();
      if (cursor == null) {
        break;
      }
    }
  }

  /** For whom a page is read. */
  private static Check first(Heard heard) {
    return heard.silent().iterator().next();
  }

  private static int mostPages(int asked) {
    return PAGES_PER_PAGE * ((asked + KlingLists.PAGE - 1) / KlingLists.PAGE);
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

  /** Nothing where it failed in a way that nobody foresaw. */
  private static ListAnswer.Found read(CompletableFuture<ListAnswer> asking) {
    try {
      return found(asking.join());
    } catch (CompletionException e) {
      LOG.warnf("Kling's list could not be read: %s", SetAside.reason(e));
      return new ListAnswer.Found(List.of());
    }
  }

  private static ListAnswer.Found found(ListAnswer answer) {
    if (answer instanceof ListAnswer.Found found) {
      return found;
    }
    LOG.debugf("Kling's list was not read: %s", answer);
    return new ListAnswer.Found(List.of());
  }

  /** In its turn, so that no account is asked faster than allowed. */
  private <T> CompletableFuture<T> call(
      String account, Check turn, Supplier<CompletionStage<T>> question) {
    return rate.call(account, turn.urgency(), turn.tenant(), question);
  }
}
