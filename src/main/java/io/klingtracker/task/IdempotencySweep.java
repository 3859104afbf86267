package io.klingtracker.task;

import io.klingtracker.loops.Sweeps;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import org.jdbi.v3.core.Jdbi;

/**
 * Forgets Idempotency-Keys when their time is over, a bounded batch at a time, on every replica.
 */
@Startup
@Singleton
class IdempotencySweep {

  /** How often keys whose time is over are forgotten. */
  private static final Duration EVERY = Duration.ofMinutes(1);

  /** Most keys forgotten in one statement: small enough that it never holds up a submission. */
  private static final int BATCH = 1_000;

  private static final String FORGET =
      """
      delete from idempotency_key where ctid = any(array(
        select ctid from idempotency_key where created_at < :before order by created_at limit :limit
        for update skip locked))
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private final TaskConfig config;

  @Inject
  IdempotencySweep(Jdbi jdbi, Clock clock, TaskConfig config, Sweeps sweeps) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.config = config;
    sweeps.add("Idempotency-Keys", EVERY, this::runOnce);
  }

  /** One batch; true when there may be more. */
  boolean runOnce() {
    int forgotten =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(FORGET)
                    .bind("before", clock.instant().minus(config.idempotencyLife()))
                    .bind("limit", BATCH)
                    .execute());
    return forgotten == BATCH;
  }
}
