package io.klingtracker.dispatch;

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
 * each exactly once.
 */
class FaultStormTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 500;
  private static final int SLOTS = 20;
  private static final long SEED = 20260131;
  private static final String MODEL = "kling-v3";
  private static final String KEY = "storm-key";
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final Clock clock = Clock.systemUTC();
  private final Vertx vertx = Vertx.vertx();
  private final List<Replica> replicas = new ArrayList<>();
  private final KlingSimulator simulator =
      new KlingSimulator(
          new SimulatorSettings()
              .seed(SEED)
              .apiKey("default", KEY)
              .slots(SLOTS)
              .renderTimes(Duration.ofMillis(10), Duration.ofMillis(40))
              .callbackTries(20, Duration.ofSeconds(2), Duration.ofMillis(50)));
  private Map<String, String> settings = Map.of();
  private CallbackReceiver receiver;

  @BeforeEach
  void start() {
    jdbi.useHandle(
        h -> h.execute("insert into tenant (id, name, created_at) values ('acme', 'Acme', now())"));
    receiver = new CallbackReceiver(vertx, jdbi, clock);
    simulator.start();
    settings = new HashMap<>();
    settings.put("tracker.public-url", receiver.url());
    settings.put("kling.accounts.default.base-url", simulator.url());
    settings.put("kling.accounts.default.api-key", KEY);
    settings.put("kling.accounts.default.max-parallel", String.valueOf(SLOTS));
    settings.put("kling.timeout.connect", "500ms");
    settings.put("kling.timeout.read", "250ms");
    settings.put("tracker.dispatch.poll", "50ms");
    settings.put("tracker.dispatch.lease", "800ms");
    settings.put("tracker.dispatch.resend-after", "1s");
    settings.put("tracker.dispatch.retry-first", "30ms");
    settings.put("tracker.dispatch.retry-cap", "200ms");
    settings.put("tracker.dispatch.limit.raise-first", "50ms");
    settings.put("tracker.dispatch.limit.raise-cap", "200ms");
    settings.put("tracker.dispatch.probe.first", "100ms");
    settings.put("tracker.dispatch.probe.cap", "200ms");
    settings.put("tracker.dispatch.breaker.open-first", "50ms");
    settings.put("tracker.dispatch.breaker.open-cap", "200ms");
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
    for (int accepted = 60; accepted <= 360; accepted += 60) {
      awaitAccepted(accepted);
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
    assertEquals(0, count("open_task"));
    assertEquals(0, count("dispatch_queue"));
  }

  private void storm() {
    long late = 400;
    List<FaultRule> rules =
        List.of(
            FaultRule.on(Operation.CREATE, new Fault.Outage(1500)).nth(150),
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
    Replica replica = new Replica(jdbi, clock, settings, KlingOverHttp.client(vertx, kling, clock));
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
        "storm: %d tasks, %d replicas killed, %.1f s; accepted by Kling: %d creates of %d tasks,"
            + " most of one task %d; answers seen by living replicas: %s; seed %d%n",
        TASKS,
        kills,
        Duration.between(begun, clock.instant()).toMillis() / 1000.0,
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

  private int open() {
    return count("task where finished_at is null");
  }

  private int count(String from) {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from " + from).mapTo(Integer.class).one());
  }
}
