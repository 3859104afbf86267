package io.klingtracker.reconcile;

import static io.klingtracker.testing.Rows.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingParts;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorClient;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Kling has finished them all and has called back about none. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ManyOpenTasksTest {

  private static final int MANY = 10_000;
  private static final int STRANGERS = 700;
  private static final int NEWER = 3_000;

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final Vertx vertx = Vertx.vertx();
  private final Clock clock = Clock.tick(Clock.systemUTC(), Duration.ofMillis(1));
  private final List<String> taskIds = new ArrayList<>();
  private KlingSimulator simulator;

  @BeforeAll
  void kling_finished_all_of_them() {
    simulator =
        new KlingSimulator(
                new SimulatorSettings()
                    .account("default", "access", "secret-0123456789abcdef")
                    .apiKey("default", "api-key")
                    .apiKey("newer", "newer-key")
                    .slots(MANY * 2)
                    .failRate(0.03)
                    .callbackStatuses(Set.of()))
            .start();
    List<String> accepted = new ArrayList<>();
    Instant now = clock.instant();
    for (int i = 0; i < MANY + STRANGERS; i++) {
      String id = TaskId.next(now);
      accepted.add(id);
      if (i % 15 != 7 || i / 15 >= STRANGERS) {
        taskIds.add(id);
      }
    }
    taskIds.subList(MANY, taskIds.size()).clear();
    simulator.renderSilently("default", accepted);
  }

  @AfterAll
  void stop() {
    simulator.close();
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  @Test
  void ten_thousand_silent_tasks_end_right_within_one_round_and_60_list_calls() {
    SimulatorClient control = new SimulatorClient(simulator.controlUrl());
    openAll("default", "text2video", taskIds);

    reconciler(
            Map.of(
                "kling.accounts.default.base-url", simulator.url(),
                "kling.accounts.default.access-key", "access",
                "kling.accounts.default.secret-key", "secret-0123456789abcdef",
                "tracker.reconcile.rate", "100",
                "kling.result-hosts", "localhost"))
        .runOnce();

    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertEquals(
        MANY, number(jdbi, "select count(*) from task where status in ('succeed', 'failed')"));
    long failed = number(jdbi, "select count(*) from task where status = 'failed'");
    assertTrue(failed > MANY / 100 && failed < MANY / 10, failed + " failed");
    assertEquals(
        failed,
        number(jdbi, "select count(*) from task where status_message = 'Image pixel is invalid'"));
    assertEquals(
        MANY - failed,
        number(jdbi, "select count(*) from task where result is not null and units is not null"));
    long lists = control.totals().requests().getOrDefault("list", 0L);
    long queries = control.totals().requests().getOrDefault("query", 0L);
    assertTrue(lists <= 60, lists + " list calls");
    assertEquals(0, queries, "questions about one task");
    assertEquals(MANY, number(jdbi, "select lost from callback_ledger where account = 'default'"));
  }

  @Test
  void the_newer_generation_is_read_by_cursor() {
    SimulatorClient control = new SimulatorClient(simulator.controlUrl());
    Instant now = clock.instant();
    List<String> ids = IntStream.range(0, NEWER).mapToObj(i -> TaskId.next(now)).toList();
    simulator.renderSilently("newer", ids);
    openAll("newer", "text-to-video", ids);
    Map<String, Long> before = control.totals().requests();

    reconciler(
            Map.of(
                "kling.accounts.newer.base-url", simulator.url(),
                "kling.accounts.newer.api-key", "newer-key",
                "tracker.reconcile.rate", "100",
                "kling.result-hosts", "localhost"))
        .runOnce();

    Map<String, Long> after = control.totals().requests();
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertEquals(
        NEWER, number(jdbi, "select count(*) from task where status in ('succeed', 'failed')"));
    long pages = after.getOrDefault("list", 0L) - before.getOrDefault("list", 0L);
    assertEquals(NEWER / KlingClient.PAGE, pages, "pages of 500");
    assertEquals(before.getOrDefault("query", 0L), after.getOrDefault("query", 0L));
  }

  private ReconcileParts reconciler(Map<String, String> settings) {
    Tasks tasks = TasksOnDatabase.of(jdbi, clock);
    KlingClient kling = KlingParts.client(vertx, clock, settings);
    return new ReconcileParts(
        jdbi,
        clock,
        tasks,
        new UpstreamParts(jdbi, clock, tasks, settings),
        kling,
        new SameThread(),
        settings);
  }

  /** As submission, dispatch and Kling's acceptance leave them, in bulk. */
  private void openAll(String account, String kind, List<String> ids) {
    jdbi.useHandle(
        h -> {
          h.execute("insert into tenant values ('acme', 'Acme', now())");
          h.createUpdate(
                  """
                  with t as (
                    insert into task (id, tenant_id, kind, model, upstream_model, account, status, previous_status, sequence,
                      feed_position, created_at, dispatched_at, updated_at)
                    select id, 'acme', :kind, 'kling-v3', 'kling-v3', :account, 'submitted', 'queued', 2, 1, now(),
                      now(), now() from unnest(cast(:ids as text[])) as g(id)
                    returning id
                  )
                  insert into open_task (task_id, account, model, family, slots, next_check_at)
                  select id, :account, 'kling-v3', 'video', 1, now() - interval '1 minute' from t
                  """)
              .bind("kind", kind)
              .bind("account", account)
              .bindArray("ids", String.class, ids)
              .execute();
          h.execute("analyze");
        });
  }
}
