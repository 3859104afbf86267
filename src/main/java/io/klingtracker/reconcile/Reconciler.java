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
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * Asks Kling about tasks that stay silent, and at once about those of which an unproved callback
 * says that they ended. What Kling answers itself needs no further proof. Tasks of one account and
 * kind are asked about together: by reading Kling's lists, by twenty ids a call, or one by one,
 * whichever takes the fewest calls.
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
  private final Pace pace;
  private final AtomicInteger rounds = new AtomicInteger();
  private final Map<String, Check> inFlight = new ConcurrentHashMap<>();
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
    this.pace = new Pace(config.rate());
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

  /** One pass; true when a full batch suggests that there is more. */
  boolean runOnce() {
    renew();
    int room = config.batch() - inFlight.size();
    if (room <= 0 || rounds.get() >= config.parallel()) {
      return false;
    }
    boolean failed = !clock.instant().isBefore(failedAgainAt);
    List<Check> due =
        Batch.claim(
            () -> store.claim(inFlight.keySet(), failed, room),
            () -> store.due(inFlight.keySet(), failed, room),
            only -> store.claimOnly(inFlight.keySet(), failed, only),
            verdicts::unclaimed);
    Map<Group, List<Check>> groups =
        due.stream().collect(Collectors.groupingBy(c -> new Group(c.account(), c.kind())));
    groups.forEach(this::start);
    return due.size() >= room;
  }

  private void renew() {
    Instant now = clock.instant();
    if (!now.isBefore(renewAt)) {
      renewAt = now.plus(config.lease().dividedBy(3));
      store.renew(inFlight.keySet());
    }
  }

  private void start(Group group, List<Check> checks) {
    checks.forEach(check -> inFlight.put(check.taskId(), check));
    rounds.incrementAndGet();
    try {
      executor.execute(() -> run(group, checks));
    } catch (RejectedExecutionException e) {
      // Shutting down: the lease runs out and another replica asks.
      done(checks);
    }
  }

  private void run(Group group, List<Check> checks) {
    try {
      round(group, checks);
    } catch (RuntimeException e) {
      failedAgainAt = clock.instant().plus(AFTER_FAILURE);
      LOG.warnf(
          "account=%s kind=%s asking about %d tasks failed: %s",
          group.account(), group.kind(), checks.size(), e.getMessage());
    } finally {
      done(checks);
      loop.wake();
    }
  }

  private void done(List<Check> checks) {
    // One that was settled and claimed once more meanwhile stays.
    checks.forEach(check -> inFlight.remove(check.taskId(), check));
    rounds.decrementAndGet();
  }

  private void round(Group group, List<Check> checks) {
    Map<Boolean, List<Check>> askable =
        checks.stream().collect(Collectors.partitioningBy(Check::canBeAsked));
    verdicts.silent(askable.getOrDefault(false, List.of()));
    List<Check> asked = askable.getOrDefault(true, List.of());
    if (asked.isEmpty()) {
      return;
    }
    Kind kind = Kinds.ofName(group.kind()).orElse(null);
    if (kind == null) {
      // A newer version's, or an older one's: whoever knows it asks; until then it is silent.
      verdicts.silent(asked);
      return;
    }
    boolean byIds = lists.takesIds(group.account());
    boolean listed = kind.dialect() == Kind.Dialect.LEGACY;
    Heard heard = new Heard(asked);
    int listFrom = byIds ? config.listFromWithApiKey() : config.listFrom();
    if (asked.size() >= listFrom) {
      if (listed) {
        readList(group.account(), kind, asked.size(), heard);
      } else if (byIds) {
        readByTime(group.account(), asked, heard);
      }
    }
    if (byIds && (heard.silent().size() > 1 || !listed)) {
      readByIds(group.account(), heard);
    } else {
      readOneByOne(group.account(), heard);
    }
  }

  /** Page by page, as long as that is likely to be worth it. */
  private void readList(String account, Kind kind, int asked, Heard heard) {
    String path = kind.createPath(null);
    int pages = mostPages(asked);
    int idle = 0;
    for (int page = 1; page <= pages && !heard.silent().isEmpty() && idle < IDLE_PAGES; page++) {
      int number = page;
      List<KlingNews> found = found(call(account, () -> lists.page(account, path, number))).tasks();
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
      ListAnswer.Found page = found(call(account, () -> lists.created(account, from, now, after)));
      List<Heard.Word> words = heard.among(page.tasks());
      verdicts.heard(words);
      idle = words.isEmpty() ? idle + 1 : 0;
      cursor = page.next();
      if (cursor == null) {
        break;
      }
    }
  }

  private static int mostPages(int asked) {
    return PAGES_PER_PAGE * ((asked + KlingLists.PAGE - 1) / KlingLists.PAGE);
  }

  private void readByIds(String account, Heard heard) {
    Map<Boolean, List<String>> ids =
        heard.silent().stream()
            .collect(
                Collectors.partitioningBy(
                    check -> check.klingTaskId() != null,
                    Collectors.mapping(Reconciler::idOf, Collectors.toList())));
    for (List<String> some : chunks(ids.getOrDefault(true, List.of()))) {
      verdicts.heard(heard.among(found(call(account, () -> lists.tasks(account, some))).tasks()));
    }
    for (List<String> some : chunks(ids.getOrDefault(false, List.of()))) {
      verdicts.heard(
          heard.among(found(call(account, () -> lists.tasksByExternalId(account, some))).tasks()));
    }
    verdicts.silent(heard.silent());
  }

  private static String idOf(Check check) {
    return check.klingTaskId() != null ? check.klingTaskId() : String.valueOf(check.ownId());
  }

  private static List<List<String>> chunks(List<String> ids) {
    List<List<String>> chunks = new ArrayList<>();
    for (int from = 0; from < ids.size(); from += KlingLists.MAX_IDS) {
      chunks.add(ids.subList(from, Math.min(ids.size(), from + KlingLists.MAX_IDS)));
    }
    return chunks;
  }

  private void readOneByOne(String account, Heard heard) {
    List<Check> left = List.copyOf(heard.silent());
    int room = Math.min(config.singles(), left.size());
    List<Check> asked = left.subList(0, room);
    Map<Check, CompletableFuture<QueryAnswer>> answers = new LinkedHashMap<>();
    asked.forEach(
        check -> answers.put(check, call(account, () -> kling.query(account, check.queryPath()))));
    verdicts.postponed(left.subList(room, left.size()));
    answers.forEach(
        (check, answer) -> {
          Optional<QueryAnswer> said = joined(answer);
          said.ifPresentOrElse(some -> settle(check, some, heard), () -> verdicts.unasked(check));
        });
  }

  /** Empty when it failed in a way that nobody foresaw, which is nobody else's failure. */
  private static <T> Optional<T> joined(CompletableFuture<T> asking) {
    try {
      return Optional.of(asking.join());
    } catch (CompletionException e) {
      LOG.warnf("Kling could not be asked: %s", SetAside.reason(e));
      return Optional.empty();
    }
  }

  private void settle(Check check, QueryAnswer answer, Heard heard) {
    if (answer instanceof QueryAnswer.Found found) {
      verdicts.heard(heard.among(List.of(found.news())));
    }
    if (heard.silent().contains(check)) {
      verdicts.silent(List.of(check));
    }
  }

  private static ListAnswer.Found found(CompletableFuture<ListAnswer> asking) {
    ListAnswer answer = joined(asking).orElse(null);
    if (answer instanceof ListAnswer.Found found) {
      return found;
    }
    LOG.debugf("Kling's list was not read: %s", answer);
    return new ListAnswer.Found(List.of());
  }

  /** In its turn, so that no account is asked faster than allowed. */
  private <T> CompletableFuture<T> call(String account, Supplier<CompletionStage<T>> question) {
    Duration wait = pace.turn(account, clock.instant());
    if (wait.toMillis() == 0) {
      try {
        return question.get().toCompletableFuture();
      } catch (RuntimeException e) {
        return CompletableFuture.failedFuture(e);
      }
    }
    // Not on our own threads: the rounds that wait for these calls may hold them all.
    return CompletableFuture.supplyAsync(
            question, CompletableFuture.delayedExecutor(wait.toMillis(), TimeUnit.MILLISECONDS))
        .thenCompose(stage -> stage);
  }
}
