package io.klingtracker.faults;

import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorClient;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;

/** Kling has no slot for seconds (1303 to every create), then all of them, while many wait. */
@Field
final class Row55KlingFull extends Row {

  private static final Duration RECOVERY = Duration.ofMinutes(1);
  private static final double ENOUGH = 0.9;
  private static final Duration SUBMITTED_FOR = Duration.ofMillis(300);
  private static final Duration RENDERS_FOR = Duration.ofSeconds(6);
  private static final int WAITING = 300;
  private static final int SUBMITTERS = 4;
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"full\"}";

  /** Accepted by Kling and not ended. */
  private static final String RUNNING =
      """
      select coalesce(sum(o.slots), 0) from open_task o
      where o.slots > 0 and not exists (select from dispatch_queue q where q.task_id = o.task_id)""";

  private static final String DEPTH = "select count(*) from dispatch_queue";

  private volatile boolean feeding = true;

  Row55KlingFull() {
    super(
        55,
        "Kling full for seconds, then free",
        "nine tenths of the slots are used within a minute");
  }

  @Override
  void attack(Scene scene) {
    List<SimulatorClient> klings =
        scene.installation().servers().klings().stream()
            .map(KlingSimulator::controlUrl)
            .map(SimulatorClient::new)
            .toList();
    int allowed = klings.size() * Installation.MAX_PARALLEL;
    klings.forEach(kling -> kling.renderTimes(SUBMITTED_FOR, RENDERS_FOR));
    ExecutorService submitters = Executors.newFixedThreadPool(SUBMITTERS);
    try {
      feed(scene, submitters);
      used(scene, allowed, "at first");
      klings.forEach(kling -> kling.slots(0));
      scene.watch(scene.run().seconds(20));
      long left = scene.installation().sql().number(RUNNING);
      klings.forEach(kling -> kling.slots(Servers.SLOTS));
      scene.note("after the time without slots " + left + " of " + allowed + " were left");
      used(scene, allowed, "afterwards");
      share(scene, allowed);
    } finally {
      feeding = false;
      submitters.shutdownNow();
      klings.forEach(kling -> kling.slots(Servers.SLOTS));
      klings.forEach(kling -> kling.renderTimes(Servers.SUBMITTED_FOR, Servers.RENDERS_FOR));
    }
    long refused =
        klings.stream().mapToLong(kling -> kling.totals().refused().getOrDefault("1303", 0L)).sum();
    long accepted = klings.stream().mapToLong(kling -> kling.totals().accepted()).sum();
    scene.note("Kling accepted " + accepted + " creates and refused " + refused);
  }

  /** There always is more to do than there are slots. */
  private void feed(Scene scene, ExecutorService submitters) {
    Installation installation = scene.installation();
    Tenant tenant = installation.tenant("full");
    for (int i = 0; i < SUBMITTERS; i++) {
      submitters.execute(
          () -> {
            while (feeding && installation.isAlive()) {
              if (installation.sql().number(DEPTH) >= WAITING) {
                LockSupport.parkNanos(100_000_000);
              } else {
                installation
                    .calls()
                    .send(
                        "POST",
                        installation.url() + "/kling/v1/videos/text2video",
                        tenant.apiKey(),
                        BODY,
                        Map.of(),
                        Calls.LIMIT);
              }
            }
          });
    }
  }

  private static void used(Scene scene, int allowed, String when) {
    long start = System.nanoTime();
    long most = 0;
    while (most < ENOUGH * allowed && System.nanoTime() - start < RECOVERY.toNanos()) {
      most = Math.max(most, scene.installation().sql().number(RUNNING));
      LockSupport.parkNanos(100_000_000);
    }
    scene.note(
        String.format(
            Locale.ROOT,
            "%s %d of %d slots were used after %.1f s",
            when,
            most,
            allowed,
            (System.nanoTime() - start) / 1e9));
    scene
        .findings()
        .require(
            most >= ENOUGH * allowed,
            "nine tenths of the slots are used within a minute",
            when + " " + most + " of " + allowed);
  }

  private static void share(Scene scene, int allowed) {
    long end = System.nanoTime() + scene.run().seconds(20).toNanos();
    long sum = 0;
    int samples = 0;
    while (System.nanoTime() < end) {
      sum += scene.installation().sql().number(RUNNING);
      samples++;
      LockSupport.parkNanos(100_000_000);
    }
    scene.note(
        String.format(
            Locale.ROOT,
            "from then on %.1f %% of the slots were used",
            100.0 * sum / Math.max(1, samples) / allowed));
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
