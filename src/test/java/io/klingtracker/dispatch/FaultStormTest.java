package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.count;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingOverHttp;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Ledger;
import io.klingtracker.simulator.Operation;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.testing.HurriedClock;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Two replicas and the real client against a Kling at its worst: every task ends, and Kling accepts
 * each exactly once. All clocks and all waits run {@code -Dstorm.speed} times as fast as in
 * reality, twenty times by default; 1 plays the storm as it is, its 30 s outage and all. {@code
 * -Dstorm.tasks=500} makes it last longer.
 */
class FaultStormTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = Integer.getInteger("storm.tasks", 150);
  private static final int KILLS = 6;
  private static final int SLOTS = 20;
  private static final long SEED = 20260131;
  private static final String MODEL = "kling-v3";
  private static final String KEY = "storm-key";
  private static final int SPEED = Integer.getInteger("storm.speed", 20);
  private static final Duration OUTAGE = Duration.ofSeconds(30);
  private static final Duration READ_LIMIT = Duration.ofSeconds(10);
  private static final Duration PATIENCE = Duration.ofSeconds(90).multipliedBy(1 + 20 / SPEED);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final Clock clock = new HurriedClock(SPEED);
  private final Vertx vertx = Vertx.vertx();
  private final List<Replica> replicas = new ArrayList<>();
  private final KlingSimulator simulator =
      new KlingSimulator(
          new SimulatorSettings()
              .seed(SEED)
              .apiKey("default", KEY)
              .slots(SLOTS)
              .clock(clock)
              .renderTimes(onTheWall(Duration.ofMillis(200)), onTheWall(Duration.ofMillis(800)))
              .callbackTries(
                  20, onTheWall(Duration.ofSeconds(40)), onTheWall(Duration.ofSeconds(1))));
  private Map<String, String> settings = Map.of();
  private CallbackReceiver receiver;

  @BeforeEach
  void start() {
    Rows.tenants(jdbi, "acme");
    receiver = new CallbackReceiver(vertx, jdbi, clock);
    simulator.start();
    settings = new HashMap<>();
    settings.put("tracker.public-url", receiver.url());
    settings.put("kling.accounts.default.base-url", simulator.url());
    settings.put("kling.accounts.default.api-key", KEY);
    settings.put("kling.accounts.default.max-parallel", String.valueOf(SLOTS));
    // What the network and the loops wait for is measured on the wall.
    settings.put("kling.timeout.connect", millis(onTheWall(Duration.ofSeconds(5))));
    settings.put("kling.timeout.read", millis(onTheWall(READ_LIMIT)));
    settings.put("tracker.reconcile.rate", String.valueOf(20 * SPEED));
    // All else is as it comes, but that waits stop growing sooner: such a storm would last hours.
    settings.put("tracker.dispatch.retry-cap", "10s");
    settings.put("tracker.dispatch.breaker.open-cap", "10s");
  }

  /** How long something takes while our clocks are ahead of time. */
  private static Duration onTheWall(Duration time) {
    return time.dividedBy(SPEED);
  }

  private static String millis(Duration time) {
    return time.toMillis() + "ms";
  }

  @AfterEach
  void stop() throws Exception {
    replicas.forEach(Replica::close);
    receiver.close();
    simulator.close();
    vertx.close().toCompletionStage().toCompletableFuture().get();
  }

  @Test
  void every_task_ends_and_kling_accepts_each_exactly_once() {
    storm();
    Replica first = replica();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      ids.add(Replica.submit(first.tasks, "acme", MODEL, 5));
    }
    Instant begun = clock.instant();

    Replica one = first.start();
    Replica two = replica().start();
    int kills = 0;
    while (kills < KILLS) {
      awaitAccepted((kills + 1) * TASKS / (KILLS + 2));
      Replica victim = kills % 2 == 0 ? one : two;
      victim.kill();
      kills++;
      Replica successor = replica().start();
      one = victim == one ? successor : one;
      two = victim == two ? successor : two;
    }
    await().atMost(PATIENCE).until(() -> open() == 0);

    Map<String, Integer> accepted = new TreeMap<>();
    for (Ledger.Create create : simulator.ledger().creates(any -> true)) {
      accepted.merge(String.valueOf(create.externalId()), 1, Integer::sum);
    }
    Map<String, Integer> wrong =
        ids.stream()
            .filter(id -> accepted.getOrDefault(id, 0) != 1)
            .collect(Collectors.toMap(id -> id, id -> accepted.getOrDefault(id, 0)));
    report(kills, accepted, begun);
    assertEquals(Map.of(), wrong, "creates that Kling accepted not exactly once, seed " + SEED);
    assertEquals(Map.of("succeed", TASKS), statuses(), "seed " + SEED);
    assertEquals(0, count(jdbi, "open_task"));
    assertEquals(0, count(jdbi, "dispatch_queue"));
  }

  private void storm() {
    long late = onTheWall(READ_LIMIT.plusSeconds(5)).toMillis();
    List<FaultRule> rules =
        List.of(
            FaultRule.on(Operation.CREATE, new Fault.Outage(onTheWall(OUTAGE).toMillis()))
                .nth(TASKS * 3 / 10),
            share(0.06, new Fault.ThenReset()),
            share(0.05, new Fault.ThenAnswer(504, "")),
            share(0.04, new Fault.ThenDelay(late)),
            share(0.04, new Fault.ThenAnswer(200, "<html>not JSON")),
            share(0.03, new Fault.Reset()),
            share(0.03, new Fault.Answer(500, "{\"code\":5000,\"message\":\"internal\"}")),
            share(0.02, new Fault.Answer(200, "{\"code\":0")),
            share(0.10, new Fault.Refuse(429, 1303, "parallel task over resource pack limit")),
            share(0.02, new Fault.Refuse(503, 5001, "maintenance")),
            share(0.01, new Fault.Refuse(429, 1302, "too many requests")),
            share(0.03, new Fault.CallbackFirst("succeed")));
    rules.forEach(simulator::fault);
    simulator.fault(FaultRule.on(Operation.QUERY, new Fault.Reset()).probability(0.1));
    simulator.fault(
        FaultRule.on(Operation.QUERY, new Fault.Answer(200, "garbage")).probability(0.1));
    simulator.fault(FaultRule.on(Operation.LIST, new Fault.Answer(502, "")).probability(0.1));
  }

  private static FaultRule share(double share, Fault fault) {
    return FaultRule.on(Operation.CREATE, fault).probability(share);
  }

  private Replica replica() {
    KlingConfig kling = Replica.config(settings).getConfigMapping(KlingConfig.class);
    Replica replica =
        new Replica(
            jdbi,
            clock,
            settings,
            KlingOverHttp.client(vertx, kling, clock),
            onTheWall(Dispatcher.POLL));
    replicas.add(replica);
    receiver.tell(replica);
    return replica;
  }

  private void awaitAccepted(int tasks) {
    await().atMost(PATIENCE).until(() -> simulator.ledger().accepted() >= tasks);
  }

  private void report(int kills, Map<String, Integer> accepted, Instant begun) {
    Map<String, Integer> creates = new TreeMap<>();
    for (Replica replica : replicas) {
      replica
          .meters
          .find("tracker.dispatch.creates")
          .counters()
          .forEach(
              counter ->
                  creates.merge(
                      String.valueOf(counter.getId().getTag("outcome")),
                      (int) counter.count(),
                      Integer::sum));
    }
    System.out.printf(
        "storm: %d tasks on 2 replicas, %d killed, an outage of %d s, %.1f s in all (%d times as"
            + " fast); accepted by Kling: %d creates of %d tasks, most of one task %d; answers"
            + " seen by living replicas: %s; seed %d%n",
        TASKS,
        kills,
        OUTAGE.toSeconds(),
        Duration.between(begun, clock.instant()).toMillis() / 1000.0,
        SPEED,
        simulator.ledger().accepted(),
        accepted.size(),
        accepted.values().stream().mapToInt(Integer::intValue).max().orElse(0),
        creates,
        SEED);
  }

  private Map<String, Integer> statuses() {
    Map<String, Integer> statuses = new TreeMap<>();
    jdbi.useHandle(
        h ->
            h.createQuery("select status::text as status, count(*)::int as n from task group by 1")
                .map((row, context) -> statuses.put(row.getString("status"), row.getInt("n")))
                .list());
    return statuses;
  }

  private long open() {
    return count(jdbi, "task where finished_at is null");
  }
}
