package io.klingtracker.retention;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.retention.RemovalStore.Aged;
import io.klingtracker.retention.RemovalStore.Candidate;
import io.klingtracker.retention.RemovalStore.Removal;
import io.klingtracker.retention.RemovalStore.Removed;
import io.klingtracker.retention.RemovalStore.Requests;
import io.klingtracker.retention.RemovalStore.TenantAge;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TasksRemoved;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Removes ended tasks that are older than they are to be kept, on one replica at a time, the oldest
 * first, what is left of erased ones, and what else has an age. It goes through all of them in
 * rounds, a batch a second, and does less when it is slow and nothing while events or callbacks
 * wait: what is too old can wait.
 */
@Startup
@Singleton
class Retention {

  private static final Logger LOG = Logger.getLogger(Retention.class);

  /** From one batch to the next. */
  static final Duration TURN = Duration.ofSeconds(1);

  /** From the end of a round to the next one. */
  static final Duration ROUND = Duration.ofMinutes(1);

  /** From one look for manifests to be written to the next. */
  static final Duration LIST = Duration.ofSeconds(30);

  /** Nothing is removed while an event or callback has waited for so long. */
  static final Duration BEHIND = Duration.ofSeconds(10);

  /** How long the event that tells of an erasure is kept, and known ids of those before it. */
  static final Duration KEEP_ERASED = Duration.ofDays(30);

  /** What is written at the moment of an erasure has come by then. */
  static final Duration LATE = Duration.ofMinutes(5);

  /** After a batch it rests so many times as long as that took: a fifth of a session at most. */
  private static final int REST = 4;

  private final RemovalStore store;
  private final Archive archive;
  private final AgedRows rows;
  private final AuditMonths months;
  private final Ages ages;
  private final boolean forAll;
  private final int batch;
  private final Clock clock;
  private final ReplicaId me;
  private final Event<TasksRemoved> removals;
  private final Optional<Duration> requests;
  private final Counter removed;
  private final Counter removedRequests;

  /** Behind which id the round continues. */
  private String after = "";

  /** Behind which task's request that of requests does. */
  private String requestsAfter = "";

  /** Whether a round is under way, and for what. */
  private List<Aged> aged = List.of();

  private long notBefore = System.nanoTime();
  private long listNotBefore = System.nanoTime();
  private volatile boolean paused;
  private volatile @Nullable Instant oldest;

  @Inject
  Retention(
      RemovalStore store,
      Archive archive,
      AgedRows rows,
      AuditMonths months,
      RetentionConfig config,
      Clock clock,
      ReplicaId me,
      Event<TasksRemoved> removals,
      MeterRegistry registry,
      Loops loops) {
    this.store = store;
    this.archive = archive;
    this.rows = rows;
    this.months = months;
    this.ages = new Ages(config);
    this.forAll = TaskStatus.ENDED.stream().anyMatch(status -> ages.of(null, status).isPresent());
    this.batch = config.rate();
    this.clock = clock;
    this.me = me;
    this.removals = removals;
    this.requests = config.requests();
    this.removed = counter(registry, "task");
    this.removedRequests = counter(registry, "request");
    Gauge.builder("tracker.retention.oldest.seconds", this::oldestSeconds)
        .description("How long ago the oldest task ended that is to be removed; 0 without one")
        .register(registry);
    Gauge.builder("tracker.retention.paused", () -> paused ? 1 : 0)
        .description("1 while nothing is removed since events or callbacks wait")
        .register(registry);
    loops.add(WorkLoop.named("retention").every(TURN).work(this::runOnce));
  }

  /** Counts what was removed of a kind. */
  static Counter counter(MeterRegistry registry, String kind) {
    return Counter.builder("tracker.retention.removed")
        .description("What was removed since it was older than it is to be kept")
        .tag("kind", kind)
        .register(registry);
  }

  /** A batch when it is time for one; there is never more to do at once. */
  boolean runOnce() {
    if (System.nanoTime() < notBefore) {
      return false;
    }
    if (!store.isFirst(me)) {
      endRound();
      paused = false;
      return false;
    }
    // What is to be erased waits for nobody.
    store.eraseLate(clock.instant().minus(LATE));
    if (isBehind()) {
      return false;
    }
    long began = System.nanoTime();
    months.runOnce();
    boolean more = removeBatch();
    more |= removeRequests();
    more |= forgetErased();
    more |= rows.removeBatch();
    more |= listArchived();
    if (more) {
      notBefore = began + (System.nanoTime() - began) * (REST + 1);
    } else {
      notBefore = System.nanoTime() + ROUND.toNanos();
    }
    return false;
  }

  private boolean isBehind() {
    Instant late = clock.instant().minus(BEHIND);
    boolean behind = store.waitsSince().filter(since -> since.isBefore(late)).isPresent();
    if (behind && !paused) {
      LOG.infof(
          "nothing is removed while events or callbacks wait for longer than %d s",
          BEHIND.toSeconds());
    }
    paused = behind;
    return behind;
  }

  /**
   * Removes those of the next tasks that are old enough and owe nothing.
   *
   * @return false when these were the last of a round
   */
  boolean removeBatch() {
    Instant now = clock.instant();
    if (after.isEmpty()) {
      aged = aged(now);
    }
    List<Candidate> candidates = store.candidates(aged, after, batch);
    oldest = candidates.stream().map(Candidate::ended).min(Comparator.naturalOrder()).orElse(null);
    Removal removal;
    do {
      removal = store.remove(candidates, archive);
      count(removal.removed());
    } while (!removal.whole());
    if (candidates.size() < batch) {
      endRound();
      return false;
    }
    after = candidates.get(candidates.size() - 1).taskId();
    return true;
  }

  private void count(List<Removed> gone) {
    if (!gone.isEmpty()) {
      removed.increment(gone.size());
      removals.fire(new TasksRemoved(gone.stream().map(Removed::taskId).sorted().toList()));
      LOG.debugf("%d tasks removed", gone.size());
    }
  }

  /**
   * Removes the requests of tasks that ended long enough ago.
   *
   * @return false when these were the last of a round
   */
  boolean removeRequests() {
    if (requests.isEmpty()) {
      return false;
    }
    Requests looked =
        store.removeRequests(clock.instant().minus(requests.get()), requestsAfter, batch);
    removedRequests.increment(looked.removed());
    boolean more = looked.looked() == batch;
    requestsAfter = more ? looked.last() : "";
    return more;
  }

  /**
   * Forgets erasures of long ago.
   *
   * @return whether there may be more
   */
  boolean forgetErased() {
    return store.forgetErased(clock.instant().minus(KEEP_ERASED), batch) == batch;
  }

  /** Every part of a day rewrites its manifest, so that they share it. */
  private boolean listArchived() {
    long now = System.nanoTime();
    if (now < listNotBefore) {
      return false;
    }
    boolean more = archive.deleteErased() | archive.list();
    listNotBefore = more ? now : now + LIST.toNanos();
    return more;
  }

  private void endRound() {
    after = "";
    aged = List.of();
    oldest = null;
  }

  /** What is old enough by now, for each tenant and status. */
  private List<Aged> aged(Instant now) {
    List<Aged> found = new ArrayList<>();
    for (TenantAge tenant : store.tenants(forAll)) {
      for (TaskStatus status : TaskStatus.ENDED) {
        ages.of(tenant.age().orElse(null), status)
            .ifPresent(age -> found.add(new Aged(tenant.tenant(), status, now.minus(age))));
      }
    }
    return found;
  }

  private double oldestSeconds() {
    Instant ended = oldest;
    return ended == null ? 0 : Math.max(0, Duration.between(ended, clock.instant()).toSeconds());
  }
}
