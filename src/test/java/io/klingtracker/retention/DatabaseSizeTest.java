package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What operators see of PostgreSQL's disk. */
class DatabaseSizeTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final DatabaseSize size = new DatabaseSize(jdbi, new Loops(), meters);

  @Test
  void nothing_is_known_before_the_first_look() {
    assertEquals(Double.NaN, gauge("tracker.database.size"));
    assertEquals(Double.NaN, gauge("tracker.database.wal.kept"));
  }

  @Test
  void a_table_that_grows_is_seen_and_so_is_a_slot_that_nobody_reads() {
    size.look();
    double before = gauge("tracker.database.size");
    jdbi.useHandle(
        h -> {
          h.execute("select pg_create_physical_replication_slot('size_test', true)");
          h.execute("create table grown as select repeat('x', 1000) from generate_series(1, 4000)");
        });
    try {
      size.look();

      assertTrue(gauge("tracker.database.size") >= before + 4_000_000, "size");
      assertTrue(gauge("tracker.database.wal.kept") >= 4_000_000, "WAL kept");
    } finally {
      jdbi.useHandle(
          h -> {
            h.execute("select pg_drop_replication_slot('size_test')");
            h.execute("drop table grown");
          });
    }
  }

  private double gauge(String name) {
    return meters.get(name).gauge().value();
  }
}
