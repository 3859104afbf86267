package io.klingtracker.faults;

import io.klingtracker.local.ServiceProcess;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Two replicas are stopped and started one after the other, as a deployment rolls, behind a load
 * balancer that asks for their readiness twice a second.
 */
@Field
final class Row09Rolling extends Row {

  private static final int CLIENTS = 4;
  private static final Duration ASK = Duration.ofMillis(500);
  private static final Duration LIMIT = Duration.ofSeconds(20);

  /** Above what the balancer takes to notice. */
  private static final String DELAY = "3s";

  private final AtomicInteger served = new AtomicInteger();
  private final AtomicInteger again = new AtomicInteger();
  private volatile List<String> ready = List.of();

  Row09Rolling() {
    super(
        9,
        "replicas are stopped and started one after the other",
        "not ready while still serving; no request of a client that repeats a 503 once fails");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    stage.servers().postgres().ensureDatabase("rolling");
    return stage.installation(
        2,
        Installation.Place.at(
            stage.servers().postgres().jdbcUrl("rolling"),
            Map.of("quarkus.shutdown.delay", DELAY)));
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    scene.measures().phase(Measures.DOWN);
    AtomicBoolean over = new AtomicBoolean();
    ExecutorService threads = Executors.newFixedThreadPool(CLIENTS + 1);
    try {
      ask(installation);
      threads.execute(() -> repeat(over, ASK, turn -> ask(installation)));
      for (int i = 0; i < CLIENTS; i++) {
        threads.execute(() -> repeat(over, Duration.ZERO, turn -> request(scene, turn)));
      }
      for (ServiceProcess replica : installation.replicas()) {
        roll(scene, replica);
      }
    } finally {
      over.set(true);
      threads.shutdown();
      if (!threads.awaitTermination(LIMIT.toSeconds() * 2, TimeUnit.SECONDS)) {
        threads.shutdownNow();
      }
    }
    scene.note("%d requests, %d of them repeated once".formatted(served.get(), again.get()));
    scene.findings().require(served.get() > 0, "requests were made", "");
  }

  private interface Turn {
    void take(int turn);
  }

  private static void repeat(AtomicBoolean over, Duration pause, Turn turn) {
    for (int i = 0; !over.get(); i++) {
      turn.take(i);
      LockSupport.parkNanos(pause.toNanos() + 1);
    }
  }

  /** What the balancer knows: who said that it is ready when it was asked last. */
  private void ask(Installation installation) {
    List<String> good =
        installation.replicas().stream()
            .map(ServiceProcess::url)
            .filter(url -> installation.calls().get(url + "/q/health/ready", null).status() == 200)
            .toList();
    if (!good.isEmpty()) {
      ready = good;
    }
  }

  private void request(Scene scene, int turn) {
    Calls.Answer answer = send(scene.installation(), turn);
    if (answer.status() == 503) {
      again.incrementAndGet();
      answer = send(scene.installation(), turn + 1);
    }
    served.incrementAndGet();
    scene
        .findings()
        .require(answer.ok(), "no request fails while replicas roll", answer.toString());
  }

  private Calls.Answer send(Installation installation, int turn) {
    List<String> known = ready;
    return installation
        .calls()
        .get(
            known.get(Math.floorMod(turn, known.size())) + "/v1/tasks?limit=1",
            Installation.HONEST.apiKey());
  }

  private void roll(Scene scene, ServiceProcess replica) {
    Calls calls = scene.installation().calls();
    Thread stop = new Thread(replica::stop, "stop");
    stop.start();
    boolean servedWhileNotReady = false;
    while (stop.isAlive()) {
      if (calls.get(replica.url() + "/q/health/ready", null).status() == 503) {
        servedWhileNotReady |=
            calls.get(replica.url() + "/v1/tasks?limit=1", Installation.HONEST.apiKey()).ok();
      }
      LockSupport.parkNanos(50_000_000);
    }
    scene
        .findings()
        .require(servedWhileNotReady, "it serves while it is not ready any more", replica.url());
    replica.start();
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!ready.contains(replica.url()) && System.nanoTime() < end) {
      LockSupport.parkNanos(50_000_000);
    }
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
