package io.klingtracker.retention;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * How much of PostgreSQL's disk is ours: the database, and the WAL that its slowest replication
 * slot keeps, which grows without end once nobody reads the slot.
 */
@Startup
@Singleton
class DatabaseSize {

  /** The files of every table are looked at: a few milliseconds. */
  static final Duration EVERY = Duration.ofMinutes(1);

  /** A slot that has never been read keeps nothing. */
  private static final String LOOK =
      """
      select pg_database_size(current_database()) as database, coalesce((
        select max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) from pg_replication_slots), 0)::int8 as slots
      """;

  private final Jdbi jdbi;
  private volatile @Nullable Sizes sizes;

  private record Sizes(long database, long slots) {}

  @Inject
  DatabaseSize(Jdbi jdbi, Loops loops, MeterRegistry registry) {
    this.jdbi = jdbi;
    Gauge.builder("tracker.database.size", () -> database())
        .description("Size of the database, its indexes and free space inside of it included")
        .baseUnit("bytes")
        .register(registry);
    Gauge.builder("tracker.database.wal.kept", () -> slots())
        .description("WAL that PostgreSQL keeps for the replication slot that is furthest behind")
        .baseUnit("bytes")
        .register(registry);
    loops.add(WorkLoop.named("database-size").every(EVERY).work(this::look));
  }

  /** One look; there is never more to do at once. */
  boolean look() {
    // Nothing is known while the question fails.
    sizes = null;
    sizes =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(LOOK)
                    .map((row, context) -> new Sizes(row.getLong("database"), row.getLong("slots")))
                    .one());
    return false;
  }

  private double database() {
    Sizes seen = sizes;
    return seen == null ? Double.NaN : seen.database();
  }

  private double slots() {
    Sizes seen = sizes;
    return seen == null ? Double.NaN : seen.slots();
  }
}
