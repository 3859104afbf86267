package io.klingtracker.presence;

import io.klingtracker.database.LongLived;
import io.klingtracker.database.LongSessions;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.RollCall.Dead;
import io.klingtracker.presence.RollCall.Seen;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Says once a second that this replica lives, knows which others do, and frees what dead ones had
 * claimed: within two seconds where their sessions are gone, within ten where they are frozen or
 * their host is lost. Of those it also ends the sessions, so that another relays. What is freed by
 * mistake, because somebody was only slow, is done twice at the worst: every settlement names its
 * claim, and a create that was sent is asked about.
 */
@Startup
@Singleton
public class Presence {

  private static final Logger LOG = Logger.getLogger(Presence.class);

  /** How often we say that we live, and look whether the others do. */
  static final Duration BEAT = Duration.ofSeconds(1);

  /** Claims of those that nobody saw die, or that claimed after it, are looked for this often. */
  static final Duration LOOK = Duration.ofSeconds(15);

  /**
   * How long a claim holds by itself: it ends with its claimer long before. For whatever nobody has
   * thought of.
   */
  public static final Duration CLAIM = Duration.ofDays(1);

  private final Jdbi jdbi;
  private final Jdbi sessions;
  private final ReplicaId me;
  private final MeterRegistry registry;
  private final RollCall roll = new RollCall();
  private final List<Queue> queues = new CopyOnWriteArrayList<>();
  private @Nullable Handle session;

  /** Whether there may be claims of nobody. */
  private boolean owing = true;

  private long lookedAt = System.nanoTime();

  private volatile int alive;
  private volatile @Nullable Long beatAt;
  private final AtomicInteger takenOver = new AtomicInteger();

  /** Where claims are, and who is to look when some are free again. */
  private record Queue(String name, Release release, Runnable wake, Counter counter) {}

  /** Frees the claims of those that are {@link ReplicaId#GONE gone}. */
  @FunctionalInterface
  public interface Release {
    /** Does so, and returns how many there were. */
    int free(Handle handle);
  }

  @Inject
  public Presence(
      Jdbi jdbi, @LongLived Jdbi sessions, ReplicaId me, MeterRegistry registry, Loops loops) {
    this.jdbi = jdbi;
    this.sessions = sessions;
    this.me = me;
    this.registry = registry;
    Gauge.builder("tracker.replicas", () -> alive)
        .description("Replicas that are alive, as this one sees it; 0 when it cannot see")
        .register(registry);
    loops.add(WorkLoop.named("presence").every(BEAT).atEnd(this::leave).work(this::runOnce));
  }

  /**
   * Has the claims of a queue freed when their claimer is dead.
   *
   * @param name the queue, for operators
   * @param table where {@code claimed_by} and {@code claimed_until} are
   * @param wake what looks at the queue
   */
  public void frees(String name, String table, Runnable wake) {
    frees(name, handle -> PresenceStore.free(handle, table), wake);
  }

  /** The same for a queue for which more is to be done. */
  public void frees(String name, Release release, Runnable wake) {
    Counter counter =
        Counter.builder("tracker.claims.taken.over")
            .description("Claims of dead replicas that this one has freed")
            .tag("queue", name)
            .register(registry);
    queues.add(new Queue(name, release, wake, counter));
  }

  /** One beat, and one look at the others. */
  boolean runOnce() {
    try {
      Handle current = session == null ? connect() : session;
      if (PresenceStore.beat(current, me)) {
        roll.begin();
        owing = true;
      }
      List<Seen> others = PresenceStore.others(current, me);
      long now = System.nanoTime();
      List<Dead> dead = roll.look(others, now);
      for (Dead one : dead) {
        bury(current, one);
      }
      alive = 1 + others.size() - dead.size();
      beatAt = now;
      owing |= !dead.isEmpty() || now - lookedAt >= LOOK.toNanos();
      if (owing && roll.hasWatched(now)) {
        lookedAt = now;
        free();
      }
      return false;
    } catch (RuntimeException e) {
      disconnect();
      throw e;
    }
  }

  private Handle connect() {
    Handle fresh = LongSessions.open(sessions);
    session = fresh;
    me.mark(fresh);
    roll.begin();
    owing = true;
    return fresh;
  }

  private static void bury(Handle current, Dead dead) {
    if (dead.isFrozen()) {
      int ended = PresenceStore.endSessions(current, dead.replica());
      LOG.warnf(
          "replica %s has not been seen for %d s; %d of its sessions were ended, another does its work",
          dead.replica().id(), RollCall.UNSEEN.toSeconds(), ended);
    } else {
      LOG.warnf("replica %s is gone", dead.replica().id());
    }
    PresenceStore.strike(current, dead.replica());
  }

  /** Each queue alone: one that fails is tried again with the next beat. */
  private void free() {
    owing = false;
    Batch.each(
        queues,
        this::free,
        (queue, failure) -> {
          owing = true;
          LOG.warnf(
              "claims of dead replicas in %s are not free yet: %s",
              queue.name(), SetAside.reason(failure));
        });
  }

  private void free(Queue queue) {
    int freed = jdbi.withHandle(queue.release()::free);
    if (freed > 0) {
      LOG.warnf("%s: %d claims of replicas that are gone are free again", queue.name(), freed);
      queue.counter().increment(freed);
      takenOver.addAndGet(freed);
      queue.wake().run();
    }
  }

  private void disconnect() {
    Handle old = session;
    session = null;
    alive = 0;
    roll.begin();
    if (old != null) {
      LongSessions.discard(old);
    }
  }

  /** The last of what ends: nobody has to wait for what we still have claimed. */
  private void leave() {
    Handle current = session;
    try {
      if (current == null) {
        jdbi.useTransaction(this::leave);
      } else {
        current.useTransaction(this::leave);
      }
    } catch (RuntimeException e) {
      LOG.debugf(e, "the others find out that we are gone");
    }
    disconnect();
  }

  /** All or nothing: whoever is still on the list is found dead, and freed, by another. */
  private void leave(Handle handle) {
    PresenceStore.leave(handle, me);
    queues.forEach(queue -> queue.release().free(handle));
  }

  /** How many replicas live, this one included; 0 when the database cannot be asked. */
  int alive() {
    return alive;
  }

  /** How many claims of dead replicas this one has freed. */
  int takenOver() {
    return takenOver.get();
  }

  /** How long ago this replica last said that it lives; null before it first has. */
  @Nullable Duration sinceBeat() {
    Long at = beatAt;
    return at == null ? null : Duration.ofNanos(System.nanoTime() - at);
  }
}
