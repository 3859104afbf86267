package io.klingtracker.retention;

import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.TenantConfig;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jboss.logging.Logger;

/**
 * Deletes tenants, on one replica at a time: withdraws what waits, erases what has ended, waits for
 * what runs at Kling, and deletes the tenant once it has no tasks and nobody believes its keys any
 * more.
 */
@Startup
@Singleton
class TenantDeletion {

  private static final Logger LOG = Logger.getLogger(TenantDeletion.class);

  /** From one turn to the next while nothing can be done. */
  static final Duration TURN = Duration.ofSeconds(1);

  private static final TaskSignal WITHDRAWN =
      new TaskSignal.Canceled("its tenant is deleted; nothing was sent to Kling");

  private final TenantDeletionStore store;
  private final RemovalStore removals;
  private final Erasure erasure;
  private final Tasks tasks;
  private final Duration believed;
  private final ReplicaId me;
  private final Clock clock;

  @Inject
  TenantDeletion(
      TenantDeletionStore store,
      RemovalStore removals,
      Erasure erasure,
      Tasks tasks,
      TenantConfig config,
      ReplicaId me,
      Clock clock,
      Loops loops) {
    this.store = store;
    this.removals = removals;
    this.erasure = erasure;
    this.tasks = tasks;
    this.believed = config.keys().cache();
    this.me = me;
    this.clock = clock;
    loops.add(WorkLoop.named("tenant-deletion").every(TURN).work(this::runOnce));
  }

  /** A step for each tenant that is being deleted; whether there is more to do at once. */
  boolean runOnce() {
    List<String> deleting = store.deleting();
    if (deleting.isEmpty() || !removals.isFirst(me)) {
      return false;
    }
    boolean[] more = {false};
    Batch.apply(
        deleting,
        some -> some.forEach(tenant -> more[0] |= step(tenant)),
        (tenant, failure) ->
            LOG.warnf("tenant %s could not be deleted: %s", tenant, SetAside.reason(failure)));
    return more[0];
  }

  private boolean step(String tenant) {
    if (erase(tenant) > 0) {
      return true;
    }
    Instant now = clock.instant();
    if (store.delete(tenant, now.minus(believed), now)) {
      LOG.infof("tenant %s is deleted", tenant);
    }
    return false;
  }

  /**
   * Withdraws what waits and erases what has ended, {@link Erasure#BATCH} of each.
   *
   * @return how many are erased
   */
  int erase(String tenant) {
    tasks.withdraw(store.waiting(tenant, Erasure.BATCH), Source.ADMIN, WITHDRAWN);
    return erasure.erase(store.ended(tenant, Erasure.BATCH), (handle, count) -> {});
  }
}
