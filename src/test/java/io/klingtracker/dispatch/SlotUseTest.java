package io.klingtracker.dispatch;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingOverHttp;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Ledger;
import io.klingtracker.simulator.SimulatorClient;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Slots are all used, and never more of them than there are. Renders are far shorter here than
 * Kling's; {@code -Dslots.render=28000} lets them take as long as the shortest that was ever seen
 * there.
 */
class SlotUseTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 200;
  private static final int SLOTS = 5;
  private static final Duration RENDER = Duration.ofMillis(Long.getLong("slots.render", 150));

  /** The shortest render of a video that was ever seen at Kling. */
  private static final double SHORTEST_MILLIS = 28_000;

  private static final long PATIENCE_NANOS = Duration.ofSeconds(60).toNanos();

  private static final String KEY = "slots-key";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final Clock clock = Clock.systemUTC();
  private final Vertx vertx = Vertx.vertx();
  private final KlingSimulator simulator =
      new KlingSimulator(
          new SimulatorSettings()
              .apiKey("default", KEY)
              .slots(100)
              .renderTimes(Duration.ofMillis(20), RENDER));
  private final List<Replica> replicas = new ArrayList<>();
  private CallbackReceiver receiver;

  @BeforeEach
  void start() {
    Rows.tenants(jdbi, "acme");
    receiver = new CallbackReceiver(vertx, jdbi, clock);
    simulator.start();
  }

  @AfterEach
  void stop() throws Exception {
    replicas.forEach(Replica::close);
    receiver.close();
    simulator.close();
    vertx.close().toCompletionStage().toCompletableFuture().get();
  }

  @Test
  void five_slots_are_busy_until_the_queue_is_empty_and_a_sixth_is_never_used() {
    Replica one = replica(Dispatcher.POLL);
    for (int i = 0; i < TASKS; i++) {
      Replica.submit(one.tasks, "acme", "kling-v3", 5);
    }
    one.start();
    replica(Dispatcher.POLL).start();

    await().atMost(RENDER.multipliedBy(TASKS).plusSeconds(60)).until(() -> open() == 0);

    // Busy while there was something to fill a slot with: until the last create was accepted.
    List<Ledger.Create> creates = simulator.ledger().creates(any -> true);
    long first = creates.get(0).at();
    long last = creates.get(creates.size() - 1).at();
    long busy = 0;
    for (Ledger.Create create : creates) {
      busy += Math.min(RENDER.toMillis(), last - create.at());
    }
    Map<String, Integer> most = new SimulatorClient(simulator.controlUrl()).totals().mostRunning();
    double idle = (double) ((last - first) * SLOTS - busy) / TASKS;
    double share = busy / (double) ((last - first) * SLOTS);
    System.out.printf(
        "slots: %d tasks of %d ms on %d slots, most running at once %s, busy %.1f %% of the time"
            + " until the last was taken; %.1f ms from an end to the next create, which is %.2f %%"
            + " busy with renders of %.0f s%n",
        TASKS,
        RENDER.toMillis(),
        SLOTS,
        most,
        100 * share,
        idle,
        100 * SHORTEST_MILLIS / (SHORTEST_MILLIS + idle),
        SHORTEST_MILLIS / 1000);
    assertEquals(TASKS, creates.size());
    most.values().forEach(running -> assertTrue(running <= SLOTS, most.toString()));
  }

  @Test
  void a_submission_reaches_kling_s_socket_at_once() {
    // Far too rare to help: only the wake-up after the commit can be in time.
    Replica replica = replica(Duration.ofHours(1)).start();
    new SimulatorClient(simulator.controlUrl())
        .renderTimes(Duration.ofMillis(5), Duration.ofMillis(10));
    int rounds = 40;
    long[] micros = new long[rounds];
    for (int i = 0; i < rounds; i++) {
      long accepted = simulator.ledger().accepted();
      Replica.submit(replica.tasks, "acme", "kling-v3", 5);
      long committed = System.nanoTime();
      while (simulator.ledger().accepted() == accepted) {
        assertTrue(System.nanoTime() - committed < PATIENCE_NANOS, "the wake-up did not come");
        LockSupport.parkNanos(50_000);
      }
      micros[i] = (System.nanoTime() - committed) / 1000;
      while (open() > 0) {
        LockSupport.parkNanos(1_000_000);
      }
    }
    Arrays.sort(micros);
    System.out.printf(
        "wake-up: from a submission's commit until Kling has it, idle: median %.1f ms, most %.1f"
            + " ms%n",
        micros[rounds / 2] / 1000.0, micros[rounds - 1] / 1000.0);
  }

  private Replica replica(Duration looks) {
    Map<String, String> settings = new HashMap<>();
    settings.put("tracker.public-url", receiver.url());
    settings.put("kling.accounts.default.base-url", simulator.url());
    settings.put("kling.accounts.default.api-key", KEY);
    settings.put("kling.accounts.default.max-parallel", String.valueOf(SLOTS));
    KlingConfig kling = Replica.config(settings).getConfigMapping(KlingConfig.class);
    Replica replica =
        new Replica(jdbi, clock, settings, KlingOverHttp.client(vertx, kling, clock), looks);
    replicas.add(replica);
    receiver.tell(replica);
    return replica;
  }

  private int open() {
    return jdbi.withHandle(
        h ->
            h.createQuery("select count(*) from task where finished_at is null")
                .mapTo(Integer.class)
                .one());
  }
}
