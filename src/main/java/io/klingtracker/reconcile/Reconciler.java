package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingClient;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
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
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * Has Kling asked about tasks that stay silent, and at once about those of which an unproved
 * callback says that they ended, and about creates in doubt: claims what is due, and gives what is
 * of one account and kind to the {@link Asker}. What Kling answers itself needs no further proof.
 */
@Startup
@Singleton
class Reconciler implements Asker.Progress {

  private static final Logger LOG = Logger.getLogger(Reconciler.class);

  /** A round that failed is begun again after this. */
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);

  /** From so many tasks of one account and kind on, Kling's list is read rather than each asked. */
  private static final int LIST_FROM = 5;

  /** The same where the account has an API key and twenty can be asked for by id in one call. */
  static final int LIST_FROM_BY_IDS = 60;

  /** Accounts and kinds of which lists are read at the same time. */
  private static final int ROUNDS = 8;

  /** The longest time between two looks, should a wake-up be lost. */
  static final Duration POLL = Duration.ofSeconds(1);

  private final ReconcileStore store;
  private final CheckQueue queue;
  private final DoubtSettler settler;
  private final KlingClient kling;
  private final ReconcileConfig config;
  private final int listFromByIds;
  private final Clock clock;
  private final ExecutorService executor;
  private final Asker asker;
  private final AtomicInteger rounds = new AtomicInteger();
  private final Map<String, Check> inFlight = new ConcurrentHashMap<>();

  private volatile Instant failedAgainAt = Instant.MIN;

  /** Whether the latest claim left some for want of room. */
  private volatile boolean full;

  private final WorkLoop loop;

  private record Group(String account, String kind) {}

  @Inject
  Reconciler(
      ReconcileStore store,
      CheckQueue queue,
      CheckSettler checkSettler,
      DoubtSettler settler,
      KlingClient kling,
      ReconcileConfig config,
      Clock clock,
      ExecutorService executor,
      Presence presence,
      Loops loops) {
    this(
        store,
        queue,
        checkSettler,
        settler,
        kling,
        config,
        POLL,
        LIST_FROM_BY_IDS,
        clock,
        executor,
        presence,
        loops);
  }

  Reconciler(
      ReconcileStore store,
      CheckQueue queue,
      CheckSettler checkSettler,
      DoubtSettler settler,
      KlingClient kling,
      ReconcileConfig config,
      Duration poll,
      int listFromByIds,
      Clock clock,
      ExecutorService executor,
      Presence presence,
      Loops loops) {
    this.store = store;
    this.queue = queue;
    this.settler = settler;
    this.kling = kling;
    this.config = config;
    this.listFromByIds = listFromByIds;
    this.clock = clock;
    this.executor = executor;
    this.asker = new Asker(store, checkSettler, settler, kling, config, clock, executor, this);
    this.loop =
        loops.add(
            WorkLoop.named("reconciler").every(poll).oldest(store::oldest).work(this::runOnce));
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
    int listFrom = kling.takesIds(group.account()) ? listFromByIds : LIST_FROM;
    boolean worthIt =
        checks.stream().filter(Reconciler::mayBeListed).count() >= listFrom
            || checks.stream().anyMatch(settler::needsLists);
    boolean listed = worthIt && rounds.incrementAndGet() <= ROUNDS;
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
      asker.ask(group.account(), group.kind(), checks, listed);
    } catch (RuntimeException e) {
      failed(checks, e);
    } finally {
      if (listed) {
        rounds.decrementAndGet();
      }
    }
  }

  @Override
  public void done(Collection<Check> checks) {
    // One that was settled and claimed once more meanwhile stays.
    checks.forEach(check -> inFlight.remove(check.taskId(), check));
  }

  @Override
  public void failed(List<Check> checks, Throwable failure) {
    failedAgainAt = clock.instant().plus(AFTER_FAILURE);
    Check first = checks.get(0);
    LOG.warnf(
        "account=%s kind=%s asking about %d tasks failed: %s",
        first.account(), first.kind(), checks.size(), failure.getMessage());
    done(checks);
  }

  @Override
  public void settled() {
    // A claim for each answer would look through all that wait, each time for a few.
    if (full) {
      loop.wake();
    }
  }
}
