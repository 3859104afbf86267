package io.klingtracker.dispatch;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.callback.CallbackParts;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingOverHttp;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Ledger;
import io.klingtracker.simulator.RandomFaults;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.HurriedClock;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Every fault of the simulator's at random, all at once: nothing is paid twice, every task ends as
 * Kling has it, and no slot is held by what Kling did not accept. {@code -Dfaults.seed=} repeats a
 * run, {@code -Dfaults.tasks=} lengthens it; all clocks run twenty times as fast as in reality. Row
 * 56 does the same to the packaged service.
 */
class AllFaultsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = Integer.getInteger("faults.tasks", 25);
  private static final int SLOTS = 10;
  private static final int SPEED = 20;
  private static final double SHARE = 0.04;
  private static final String KEY = "field-key";
  private static final String ROOT = "replica-test-0123456789abcdef0123456789abcdef";
  private static final Duration PATIENCE = Duration.ofSeconds(120);

  /** Beyond what we wait for an answer, which is twice the read limit. */
  private static final Duration READ_LIMIT = Duration.ofSeconds(10);

  private static final Duration LONGEST = Duration.ofSeconds(25);

  /** Of the loops, on the wall. */
  private static final Duration LOOKS = Dispatcher.POLL.dividedBy(SPEED);

  private final long seed = Long.getLong("faults.seed", System.nanoTime());
  private final Jdbi jdbi = DATABASE.jdbi();
  private final HurriedClock clock = new HurriedClock(SPEED);
  private final Vertx vertx = Vertx.vertx();
  private final ExecutorService threads = Executors.newFixedThreadPool(4);
  private final List<Replica> replicas = new ArrayList<>();
  private final Map<String, String> settings = new HashMap<>();
  private KlingSimulator simulator;
  private CallbackParts callbacks;
  private ReconcileParts reconciler;

  @BeforeEach
  void start() {
    Rows.tenants(jdbi, "acme");
    simulator =
        new KlingSimulator(
                new SimulatorSettings()
                    .seed(seed)
                    .apiKey("default", KEY)
                    .slots(SLOTS)
                    .clock(clock)
                    .renderTimes(onTheWall(Duration.ofSeconds(1)), onTheWall(Duration.ofSeconds(3)))
                    .callbackTries(
                        3, onTheWall(Duration.ofSeconds(40)), onTheWall(Duration.ofSeconds(1))))
            .start();
    settings.put("kling.accounts.default.base-url", simulator.url());
    settings.put("kling.accounts.default.api-key", KEY);
    settings.put("kling.accounts.default.max-parallel", String.valueOf(SLOTS));
    settings.put("tracker.public-url", "http://localhost:1");
    // What the network and the loops wait for is measured on the wall.
    settings.put("kling.timeout.connect", clock.onTheWall(Duration.ofSeconds(5)));
    settings.put("kling.timeout.read", clock.onTheWall(READ_LIMIT));
    settings.put("tracker.reconcile.rate", String.valueOf(20 * SPEED));
    settings.put("tracker.check.first", "3s");
    // All else is as it comes, but that waits stop growing sooner: such a storm would last hours.
    settings.put("tracker.check.cap", "4s");
    settings.put("tracker.dispatch.retry-cap", "4s");
    settings.put("tracker.dispatch.probe.first", "2s");
    settings.put("tracker.dispatch.probe.cap", "4s");
    settings.put("tracker.dispatch.breaker.open-cap", "4s");
    receive();
  }

  /** A third replica takes Kling's callbacks and asks after what is silent. */
  private void receive() {
    Tasks tasks =
        TasksOnDatabase.of(
            jdbi, clock, changes -> replicas.forEach(replica -> replica.changed(changes)));
    UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, settings);
    callbacks = new CallbackParts(jdbi, clock, tasks, upstream, settings);
    int port = callbacks.listen(vertx, upstream.target(ROOT), settings);
    settings.put("tracker.public-url", "http://localhost:" + port);
    KlingClient kling = kling();
    reconciler =
        ReconcileParts.polling(
            LOOKS.multipliedBy(2), jdbi, clock, tasks, upstream, kling, threads, settings);
  }

  private KlingClient kling() {
    KlingConfig config = Replica.config(settings).getConfigMapping(KlingConfig.class);
    return KlingOverHttp.client(vertx, config, clock);
  }

  private static Duration onTheWall(Duration time) {
    return time.dividedBy(SPEED);
  }

  @AfterEach
  void stop() throws Exception {
    replicas.forEach(Replica::close);
    reconciler.stop();
    callbacks.close();
    simulator.close();
    threads.shutdown();
    vertx.close().toCompletionStage().toCompletableFuture().get();
  }

  @Test
  void nothing_is_paid_twice_and_every_task_ends() {
    System.out.println("all faults together, seed " + seed);
    RandomFaults.all(new Random(seed), SHARE, onTheWall(LONGEST)).forEach(simulator::fault);
    replicas.add(new Replica(jdbi, clock, settings, kling(), LOOKS));
    replicas.add(new Replica(jdbi, clock, settings, kling(), LOOKS));
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      ids.add(Replica.submit(replicas.get(0).tasks, "acme", "kling-v3", 5));
    }

    callbacks.start();
    reconciler.start();
    replicas.forEach(Replica::start);
    await()
        .atMost(PATIENCE)
        .until(
            () -> {
              assertEquals(Set.of(), wronglyHeld(), "slots of nothing, seed " + seed);
              return count("task where finished_at is null") == 0;
            });

    Map<String, Integer> accepted = new TreeMap<>();
    for (Ledger.Create create : simulator.ledger().creates(any -> true)) {
      accepted.merge(String.valueOf(create.externalId()), 1, Integer::sum);
    }
    Map<String, String> statuses = statuses();
    System.out.printf(
        "all faults together: %d creates of %d tasks accepted, ended %s, seed %d%n",
        simulator.ledger().accepted(), accepted.size(), new TreeMap<>(count(statuses)), seed);
    assertEquals(
        Set.of(),
        accepted.keySet().stream().filter(id -> accepted.get(id) > 1).collect(Collectors.toSet()),
        "paid twice, seed " + seed);
    assertEquals(Set.copyOf(ids), statuses.keySet());
    Map<String, String> wrong = new TreeMap<>();
    statuses.forEach(
        (id, status) -> {
          String truth = truth(id, accepted.containsKey(id));
          if (!status.equals(truth)) {
            wrong.put(id, status + " and not " + truth);
          }
        });
    assertEquals(Map.of(), wrong, "not as Kling has it, seed " + seed);
    assertEquals(0, count("open_task"), "slots in use, seed " + seed);
    assertEquals(0, count("dispatch_queue"), "seed " + seed);
  }

  private static Map<String, Long> count(Map<String, String> statuses) {
    return statuses.values().stream()
        .collect(Collectors.groupingBy(status -> status, Collectors.counting()));
  }

  /** What Kling did not accept, it has refused. */
  private String truth(String id, boolean accepted) {
    return accepted ? simulator.status(id) : "failed";
  }

  /** Slots of what is neither on its way, nor in doubt, nor Kling's. */
  private Set<String> wronglyHeld() {
    Set<String> held =
        jdbi.withHandle(
            h ->
                h.createQuery(
                        """
                        select o.task_id from open_task o left join dispatch_queue q on q.task_id = o.task_id
                        where q.task_id is null or q.sent_at is null
                        """)
                    .mapTo(String.class)
                    .collect(Collectors.toCollection(TreeSet::new)));
    simulator
        .ledger()
        .creates(any -> true)
        .forEach(create -> held.remove(String.valueOf(create.externalId())));
    return held;
  }

  private Map<String, String> statuses() {
    Map<String, String> statuses = new TreeMap<>();
    jdbi.useHandle(
        h ->
            h.createQuery("select id, status::text as status from task")
                .map((row, context) -> statuses.put(row.getString("id"), row.getString("status")))
                .list());
    return statuses;
  }

  private int count(String from) {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from " + from).mapTo(Integer.class).one());
  }
}
