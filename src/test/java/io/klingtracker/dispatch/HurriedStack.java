package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.callback.CallbackParts;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingOverHttp;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.simulator.KlingSimulator;
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
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;

/**
 * Two replicas that dispatch and a third that takes callbacks and asks, at a simulated Kling; all
 * clocks run twenty times as fast as in reality.
 */
abstract class HurriedStack {

  static final int SLOTS = 10;
  static final int SPEED = 20;
  static final Duration PATIENCE = Duration.ofSeconds(120);

  /** Beyond what we wait for an answer, which is twice the read limit. */
  static final Duration LONGEST = Duration.ofSeconds(25);

  private static final String KEY = "field-key";
  private static final String ROOT = "replica-test-0123456789abcdef0123456789abcdef";

  /** Of the loops, on the wall. */
  private static final Duration LOOKS = Dispatcher.POLL.dividedBy(SPEED);

  private static final Duration READ_LIMIT = Duration.ofSeconds(10);

  final Jdbi jdbi;
  final HurriedClock clock = new HurriedClock(SPEED);
  final List<Replica> replicas = new ArrayList<>();
  KlingSimulator simulator;
  ReconcileParts reconciler;
  private final Vertx vertx = Vertx.vertx();
  private final ExecutorService threads = Executors.newFixedThreadPool(4);
  private final Map<String, String> settings = new HashMap<>();
  private CallbackParts callbacks;

  HurriedStack(TestDatabase database) {
    this.jdbi = database.jdbi();
  }

  /** How the simulator is by default. */
  SimulatorSettings simulated(long seed) {
    return new SimulatorSettings()
        .seed(seed)
        .apiKey("default", KEY)
        .slots(SLOTS)
        .clock(clock)
        .renderTimes(onTheWall(Duration.ofSeconds(1)), onTheWall(Duration.ofSeconds(3)))
        .callbackTries(3, onTheWall(Duration.ofSeconds(40)), onTheWall(Duration.ofSeconds(1)));
  }

  /** Starts the simulator; the replicas are there, and do nothing yet. */
  void stand(SimulatorSettings simulated) {
    Rows.tenants(jdbi, "acme");
    simulator = new KlingSimulator(simulated).start();
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
    replicas.add(new Replica(jdbi, clock, settings, kling(), LOOKS));
    replicas.add(new Replica(jdbi, clock, settings, kling(), LOOKS));
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

  /** One more that dispatches, and does nothing yet. */
  Replica another() {
    Replica replica = new Replica(jdbi, clock, settings, kling(), LOOKS);
    replicas.add(replica);
    return replica;
  }

  private KlingClient kling() {
    KlingConfig config = Replica.config(settings).getConfigMapping(KlingConfig.class);
    return KlingOverHttp.client(vertx, config, clock);
  }

  /** All begin to work. */
  void run() {
    callbacks.start();
    reconciler.start();
    replicas.forEach(Replica::start);
  }

  static Duration onTheWall(Duration time) {
    return time.dividedBy(SPEED);
  }

  @AfterEach
  void stop() throws Exception {
    replicas.forEach(Replica::close);
    if (simulator != null) {
      reconciler.stop();
      callbacks.close();
      simulator.close();
    }
    threads.shutdown();
    vertx.close().toCompletionStage().toCompletableFuture().get();
  }

  /** Whether all have ended; no slot is held by what Kling did not accept meanwhile. */
  boolean isOver(long seed) {
    assertEquals(Set.of(), wronglyHeld(), "slots of nothing, seed " + seed);
    return count("task where finished_at is null") == 0;
  }

  /** Slots of what is neither on its way, nor in doubt, nor Kling's. */
  private Set<String> wronglyHeld() {
    Map<String, String> held = new TreeMap<>();
    jdbi.useHandle(
        h ->
            h.createQuery(
                    """
                    select o.task_id,
                      -- An unsigned callback names it before Kling itself does.
                      coalesce(t.kling_task_id, case when o.unnamed then o.ask_id end, '') as kling_id
                    from open_task o join task t on t.id = o.task_id left join dispatch_queue q on q.task_id = o.task_id
                    where q.task_id is null or q.sent_at is null
                    """)
                .map(
                    (row, context) -> held.put(row.getString("task_id"), row.getString("kling_id")))
                .list());
    simulator
        .ledger()
        .creates(any -> true)
        .forEach(
            create -> {
              held.remove(String.valueOf(create.externalId()));
              held.values().remove(create.taskId());
            });
    return new TreeSet<>(held.keySet());
  }

  static Map<String, Long> counted(Map<String, String> statuses) {
    return new TreeMap<>(
        statuses.values().stream()
            .collect(Collectors.groupingBy(status -> status, Collectors.counting())));
  }

  Map<String, String> statuses() {
    return pairs("select id, status::text from task");
  }

  /** Two columns by the first one. */
  Map<String, String> pairs(String sql) {
    Map<String, String> pairs = new TreeMap<>();
    jdbi.useHandle(
        h ->
            h.createQuery(sql)
                .map((row, context) -> pairs.put(row.getString(1), row.getString(2)))
                .list());
    return pairs;
  }

  int count(String from) {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from " + from).mapTo(Integer.class).one());
  }
}
