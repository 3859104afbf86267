package io.klingtracker.events;

import static io.klingtracker.testing.Rows.number;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The work queue stays small at 1,000 events a second, and nothing keeps its dead rows. {@code
 * -Dvacuum.seconds=60} leaves the cleaning to PostgreSQL's own vacuum, which comes by more often
 * here than its default of once a minute.
 */
class OutboxVacuumTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int SECONDS = Integer.getInteger("vacuum.seconds", 2);
  private static final int EVENTS_PER_SECOND = 1_000;
  private static final int TASKS = 1_000;
  private static final int BATCH = 20;

  /** From so many seconds on PostgreSQL's own vacuum has to have come by. */
  private static final int AUTOVACUUM_SECONDS = 30;

  private static final long MAX_BYTES = 16L << 20;

  private final Jdbi jdbi = DATABASE.jdbi();

  private static final class TakesAll implements EventSink {
    @Override
    public CompletionStage<Void> send(OutboxMessage message) {
      return CompletableFuture.completedFuture(null);
    }
  }

  @Test
  void the_outbox_stays_small_and_its_dead_rows_can_go() throws Exception {
    RelayRig rig = new RelayRig(jdbi, Map.of("state.enabled", "false"));
    rig.tenant();
    List<String> ids = IntStream.range(0, TASKS).mapToObj(RelayRig::taskId).toList();
    jdbi.useTransaction(handle -> ids.forEach(id -> RelayRig.submit(handle, id)));
    long most = 0;
    long waiting = 0;
    boolean leftToPostgres = SECONDS >= AUTOVACUUM_SECONDS;
    if (leftToPostgres) {
      autovacuum("set autovacuum_naptime = '5s'");
    }
    try (Relay relay = rig.relay(new TakesAll())) {
      relay.loop().start();
      long began = System.nanoTime();
      for (int i = 0; i < SECONDS * EVENTS_PER_SECOND / BATCH; i++) {
        int from = i * BATCH % TASKS;
        jdbi.useTransaction(handle -> RelayRig.change(handle, ids.subList(from, from + BATCH)));
        relay.wake();
        if (i % EVENTS_PER_SECOND == 0) {
          most = Math.max(most, number(jdbi, "select pg_total_relation_size('outbox')"));
          waiting = Math.max(waiting, rig.unpublished());
        }
        long due = began + 1_000_000_000L * BATCH * (i + 1) / EVENTS_PER_SECOND;
        Thread.sleep(Math.max(0, (due - System.nanoTime()) / 1_000_000));
      }
      await().atMost(Duration.ofSeconds(20)).until(() -> rig.unpublished() == 0);
      most = Math.max(most, number(jdbi, "select pg_total_relation_size('outbox')"));
      long vacuums =
          number(jdbi, "select autovacuum_count from pg_stat_user_tables where relname = 'outbox'");
      long dead =
          number(jdbi, "select n_dead_tup from pg_stat_user_tables where relname = 'outbox'");
      // With the relay's session open: it must not keep rows from being removed.
      jdbi.useHandle(handle -> handle.execute("vacuum outbox"));
      assertEquals(
          0, number(jdbi, "select pg_relation_size('outbox')"), "all pages are given back");
      System.out.printf(
          "outbox at %d events/s for %d s: at most %d KiB with its index, %d waiting; %d vacuums, %d dead rows at the end%n",
          EVENTS_PER_SECOND, SECONDS, most >> 10, waiting, vacuums, dead);
      assertTrue(vacuums > 0 || !leftToPostgres, "PostgreSQL came by");
    } finally {
      if (leftToPostgres) {
        autovacuum("reset autovacuum_naptime");
      }
    }
    // Again, since a session that ends reports its dead rows then, those of before the vacuum too.
    jdbi.useHandle(handle -> handle.execute("vacuum outbox"));
    assertEquals(
        0, number(jdbi, "select n_dead_tup from pg_stat_user_tables where relname = 'outbox'"));
    assertTrue(most < MAX_BYTES, "the outbox grew to " + most + " bytes");
  }

  private void autovacuum(String change) {
    jdbi.useHandle(
        handle -> {
          handle.execute("alter system " + change);
          handle.execute("select pg_reload_conf()");
        });
  }
}
