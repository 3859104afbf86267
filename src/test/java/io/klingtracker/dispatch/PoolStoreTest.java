package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.klingtracker.kling.ParallelSlots;
import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class PoolStoreTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final SlotPool POOL = new SlotPool("default", "video", "kling-v3");
  private static final int REFUSALS = 40;

  private final Jdbi jdbi = DATABASE.jdbi();

  private PoolStore store() {
    return new PoolStore(
        jdbi,
        Clock.fixed(NOW, ZoneOffset.UTC),
        new ConfiguredBackoff(Replica.config(Map.of()).getConfigMapping(DispatchConfig.class)));
  }

  @Test
  void refusals_that_two_replicas_get_at_once_are_one_cut_and_none_is_lost() throws Exception {
    List<PoolStore> replicas = List.of(store(), store());
    ExecutorService threads = Executors.newFixedThreadPool(4);
    int cuts = 0;
    try {
      List<Future<Boolean>> refusals = new ArrayList<>();
      for (int i = 0; i < REFUSALS; i++) {
        PoolStore replica = replicas.get(i % replicas.size());
        refusals.add(
            threads.submit(
                () -> replica.full(POOL, new PoolState.Sent(1, 0, NOW), ParallelSlots.fixed(120))));
      }
      for (Future<Boolean> refusal : refusals) {
        cuts += refusal.get() ? 1 : 0;
      }
    } finally {
      threads.shutdownNow();
    }

    PoolState state = replicas.get(0).snapshot().states().get(POOL);
    assertEquals(1, cuts);
    assertNotNull(state);
    assertEquals(REFUSALS, state.refusals());
    assertEquals(1, state.epoch());
  }

  @Test
  void a_limit_comes_back_from_the_database_as_it_was() {
    SlotLimit limit = new SlotLimit(43, 118, 4, true, 3, 77, 12, NOW.plusSeconds(5));
    jdbi.useHandle(
        handle ->
            handle.execute(
                """
                insert into account_pool (account, family, model, lowered_to, good, step, proved, lowerings, credit,
                  epoch, raise_at) values ('other', 'video', 'kling-v3', 43, 118, 4, true, 3, 77, 12, ?)
                """,
                NOW.plusSeconds(5)));

    SlotPool pool = new SlotPool("other", "video", "kling-v3");
    assertEquals(new PoolState(limit, null, 0, null), store().snapshot().states().get(pool));
    // A write of it all: a refusal that left before the last step.
    store().full(pool, new PoolState.Sent(1, 11, NOW), ParallelSlots.fixed(120));
    assertEquals(
        new PoolState(limit.without(1), null, 1, null), store().snapshot().states().get(pool));
  }

  @Test
  void a_pause_lasts_whatever_kling_makes_of_the_account_meanwhile() {
    PoolStore store = store();
    store.pause("default");
    store.park(SlotPool.all("default"), 1101, "arrears");
    assertNotNull(store.snapshot().states().get(SlotPool.all("default")));
    store.accepted(POOL, new PoolState.Sent(1, 0, NOW.plusSeconds(1)));

    assertEquals(Map.of(), store.snapshot().states());
    assertEquals(Set.of("default"), store.snapshot().paused());

    store.resume("default", List.of());
    assertEquals(Set.of(), store.snapshot().paused());
    assertEquals(
        List.of(),
        jdbi.withHandle(
            h -> h.createQuery("select account from account_pool").mapTo(String.class).list()));
  }

  @Test
  void a_resume_keeps_what_was_found_of_slots_and_nothing_else() {
    PoolStore store = store();
    ParallelSlots auto = ParallelSlots.of("auto");
    SlotPool found = new SlotPool("default", "image", "kling-v3");
    store.full(found, new PoolState.Sent(1, 0, NOW), auto);
    store.park(found, 1103, "no right");
    store.full(POOL, new PoolState.Sent(1, 0, NOW), ParallelSlots.fixed(120));
    store.park(SlotPool.family("default", "image"), 1102, "empty");

    store.resume("default", List.of("image"));

    PoolState state = store.snapshot().states().get(found);
    assertEquals(Set.of(found), store.snapshot().states().keySet());
    assertNotNull(state);
    assertNotNull(state.lowered());
    assertNull(state.parked());
    assertNull(state.notBefore());
  }

  @Test
  void a_resume_comes_after_what_a_claim_under_way_writes() throws Exception {
    PoolStore store = store();
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<?> resumed =
          store.exclusively(
              handle -> {
                Future<?> resume = thread.submit(() -> store.resume("resumed", List.of()));
                Awaitility.await()
                    .until(
                        () ->
                            resume.isDone()
                                || jdbi.withHandle(
                                    other ->
                                        other
                                            .createQuery(
                                                "select count(*) > 0 from pg_locks where locktype ="
                                                    + " 'advisory' and not granted")
                                            .mapTo(Boolean.class)
                                            .one()));
                handle.execute(
                    "insert into account_pool (account, family, model, not_before, refusals) values"
                        + " ('resumed', '', '', now(), 1)");
                return resume;
              });
      resumed.get();
    } finally {
      thread.shutdownNow();
    }

    assertNull(store.snapshot().states().get(SlotPool.all("resumed")));
  }
}
