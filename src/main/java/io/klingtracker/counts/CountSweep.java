package io.klingtracker.counts;

import io.klingtracker.counts.SumStore.Reach;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.ReplicaId;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Brings the sums of tasks on, on one replica at a time: all tenants in rounds, a bounded number of
 * events of each. A round that left none waits for the next; one that did is followed at once.
 */
@Startup
@Singleton
class CountSweep {

  private static final Logger LOG = Logger.getLogger(CountSweep.class);

  /** How often it is looked for events. Sums are to be five seconds late at most. */
  static final Duration EVERY = Duration.ofSeconds(2);

  private final SumStore store;
  private final ReplicaId me;
  private final Clock clock;

  /** Behind which tenant the round continues. */
  private String after = "";

  /** Whether a tenant of this round has more events. */
  private boolean more;

  private volatile @Nullable Instant behindSince;

  @Inject
  CountSweep(SumStore store, ReplicaId me, Clock clock, Loops loops) {
    this.store = store;
    this.me = me;
    this.clock = clock;
    loops.add(
        WorkLoop.named("counts")
            .every(EVERY)
            .oldest(() -> Optional.ofNullable(behindSince))
            .work(this::runOnce));
  }

  /** The next tenants that have something to count; true when another look is to follow at once. */
  boolean runOnce() {
    if (!store.isFirst(me)) {
      after = "";
      more = false;
      behindSince = null;
      return false;
    }
    List<Reach> reached = store.reach(after);
    more |= reached.stream().anyMatch(Reach::more);
    Batch.apply(reached, store::add, this::failed);
    boolean continues = reached.size() == SumStore.TENANTS;
    boolean again = continues || more;
    after = continues ? reached.get(reached.size() - 1).tenant() : "";
    more &= continues;
    if (!again) {
      behindSince = null;
    } else if (behindSince == null) {
      behindSince = clock.instant();
    }
    return again;
  }

  /** The others are counted; this one is tried again with the next round, and not before. */
  private void failed(Reach reach, RuntimeException failure) {
    more = false;
    LOG.warnf("tenant=%s its tasks are not counted: %s", reach.tenant(), SetAside.reason(failure));
  }
}
