package io.klingtracker.task;

import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Forgets Idempotency-Keys when their time is over, a bounded batch at a time, on every replica.
 */
@Singleton
class IdempotencySweep {

  private static final String FORGET =
      """
      delete from idempotency_key where ctid = any(array(
        select ctid from idempotency_key where created_at < :before order by created_at limit :limit
        for update skip locked))
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private final TaskConfig config;
  private @Nullable WorkLoop loop;

  @Inject
  IdempotencySweep(Jdbi jdbi, Clock clock, TaskConfig config) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.config = config;
  }

  void onStart(@Observes StartupEvent start) {
    loop = WorkLoop.start("idempotency-sweep", config.sweepEvery(), this::runOnce);
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (loop != null) {
      loop.close();
    }
  }

  /** One batch; true when there may be more. */
  boolean runOnce() {
    int forgotten =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(FORGET)
                    .bind("before", clock.instant().minus(config.idempotencyLife()))
                    .bind("limit", config.sweepBatch())
                    .execute());
    return forgotten == config.sweepBatch();
  }
}
