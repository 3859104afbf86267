package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.presence.DeadClaims;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two replicas ask about the same silent tasks. */
class TwoReconcilersTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 600;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final FakeKling kling = new FakeKling(new Random(1), clock, true);
  private final Map<String, String> settings =
      new HashMap<>(
          Map.of(
              "kling.accounts.default.api-key", "key",
              "tracker.reconcile.rate", "1000000",
              "tracker.reconcile.batch", "80"));
  private int listFrom = 60;
  private final ExecutorService rounds = Executors.newFixedThreadPool(4);

  /** By ids, and from lists in which the other's tasks are too. */
  @ParameterizedTest
  @ValueSource(ints = {100_000, 1})
  void each_task_is_settled_by_one_of_them(int listFrom) throws Exception {
    this.listFrom = listFrom;
    List<String> ids = silentTasks();
    CyclicBarrier start = new CyclicBarrier(2);
    ExecutorService replicas = Executors.newFixedThreadPool(2);
    try {
      List<Future<?>> both =
          IntStream.range(0, 2)
              .<Future<?>>mapToObj(
                  n ->
                      replicas.submit(
                          () -> {
                            ReconcileParts reconciler = reconciler(rounds);
                            start.await();
                            await()
                                .atMost(LIMIT)
                                .pollInterval(Duration.ofMillis(2))
                                .until(
                                    () -> {
                                      reconciler.runOnce();
                                      return number(jdbi, "select count(*) from open_task") == 0;
                                    });
                            return null;
                          }))
              .toList();
      for (Future<?> one : both) {
        one.get();
      }
      // What was learnt is booked after the tasks have ended.
      rounds.shutdown();
      assertTrue(rounds.awaitTermination(LIMIT.toSeconds(), TimeUnit.SECONDS));
    } finally {
      replicas.shutdownNow();
      rounds.shutdown();
    }

    endedRight(ids);
    assertEquals(
        TASKS, number(jdbi, "select sum(checks) from asked"), "how often they were claimed");
    if (listFrom == 100_000) {
      assertEquals(TASKS, kling.asked.size());
      assertEquals(
          1, new HashSet<>(kling.asked.values()).size(), "ids that Kling was asked for twice");
    }
  }

  @Test
  void what_a_dead_one_had_taken_is_asked_about_at_once() {
    List<String> ids = silentTasks();
    ExecutorService dead = Executors.newSingleThreadExecutor();
    dead.shutdown();
    ReconcileParts other = reconciler(new SameThread());
    reconciler(dead).runOnce();

    assertEquals(40, DeadClaims.free(jdbi, "open_task"));
    while (other.runOnce()) {
      // Everything.
    }

    endedRight(ids);
    rounds.shutdown();
  }

  /** Kling has finished them all; each claim of them is counted. */
  private List<String> silentTasks() {
    GivenTasks.tenant(jdbi);
    List<String> ids =
        IntStream.range(0, TASKS).mapToObj(i -> GivenTasks.stored(tasks)).sorted().toList();
    GivenTasks.sent(jdbi, ids, clock.instant());
    for (int i = 0; i < TASKS; i++) {
      kling
          .accept(Long.toString(878_106_242_831_892_487L + i), ids.get(i))
          .becomes(i % 7 == 0 ? "failed" : "succeed");
    }
    clock.advance(Duration.ofMinutes(1));
    jdbi.useHandle(
        h -> {
          // Answered: for what is in doubt lists are read in any case.
          h.execute("delete from dispatch_queue");
          h.execute("create table if not exists asked (task_id text, checks int)");
          h.execute("truncate asked");
          h.execute(
              """
              create or replace function note_asked() returns trigger language plpgsql as $$
              begin
                insert into asked values (old.task_id, old.checks);
                return old;
              end $$
              """);
          h.execute(
              "create or replace trigger asked after delete on open_task for each row execute"
                  + " function note_asked()");
        });
    return ids;
  }

  private ReconcileParts reconciler(ExecutorService executor) {
    return new ReconcileParts(
        jdbi,
        clock,
        tasks,
        new UpstreamParts(jdbi, clock, tasks, settings),
        kling,
        executor,
        settings,
        Duration.ofSeconds(1),
        listFrom);
  }

  private void endedRight(List<String> ids) {
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertEquals(TASKS * 2L, number(jdbi, "select count(*) from task_event"), "queued and the end");
    Map<String, String> truth = new HashMap<>();
    kling.byId.values().forEach(one -> truth.put(one.externalId, one.status));
    Map<String, String> ended = new HashMap<>();
    jdbi.useHandle(
        h ->
            h.createQuery("select id, status::text from task")
                .map((row, context) -> ended.put(row.getString(1), row.getString(2)))
                .list());
    assertEquals(new HashSet<>(ids), ended.keySet());
    assertEquals(truth, ended);
    assertEquals(TASKS, number(jdbi, "select expected from callback_ledger"), "booked once each");
  }
}
