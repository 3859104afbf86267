package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.fail;

import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Operation;
import io.klingtracker.simulator.SimulatorClient;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Fifteen submissions a second for a long while, on two replicas, against a Kling that misbehaves
 * as it was seen to: refusals for no reason, bursts of them, a gateway's pages, lost answers and
 * callbacks. Kling has slots for twice as many. A minute later nothing waits any more. Runs with
 * {@code -Dfaults.soak=20m}.
 */
@Field
@ExtendWith(Stage.class)
@EnabledIfSystemProperty(named = "faults.soak", matches = ".+")
final class SoakRun {

  private static final int RATE = 15;
  private static final int SUBMITTERS = 64;
  private static final Duration FLOW_LIMIT = Duration.ofSeconds(120);
  private static final Duration QUEUE_LIMIT = Duration.ofMinutes(1);
  private static final Duration SETTLE_LIMIT = Duration.ofMinutes(5);

  /**
   * Longest silence of Kling that the replicas bear. A create in doubt is sent again after half of
   * tracker.dispatch.resend-after, twice this and 5 s: 40 s, so that also one that was lost in the
   * last second is away within the minute. With the default it is 80 s.
   */
  private static final Duration READ_LIMIT = Duration.ofSeconds(10);

  private static final Duration LATE_ANSWER = READ_LIMIT.plusSeconds(2);

  /** With the slots of both accounts some 33 tasks a second. */
  private static final Duration SUBMITTED_FOR = Duration.ofMillis(300);

  private static final Duration RENDERS_FOR = Duration.ofSeconds(3);

  private static final Duration BURST_EVERY = Duration.ofMinutes(1);
  private static final int BURST = 112;
  private static final Duration FULL_FOR = Duration.ofSeconds(3);
  private static final String GATEWAY_PAGE = "<html><body>Bad Gateway</body></html>";
  private static final Duration TELL_EVERY = Duration.ofSeconds(10);
  private static final String DEPTH = "select count(*) from dispatch_queue";
  private static final String LIMITS =
      "select account, lowered_to from account_pool where lowered_to is not null order by account";

  /** What still waits, and why. */
  private static final String LEFT =
      "select task_id, sent_at, due_at, attempts, reason from dispatch_queue limit 5";

  @Test
  void everything_ends() throws Exception {
    Run run = Run.ofProperties();
    Duration time =
        Duration.parse("PT" + System.getProperty("faults.soak").toUpperCase(Locale.ROOT));
    System.out.printf("%n== soak of %s with two replicas (seed %d)%n", time, run.seed());
    Findings findings = new Findings();
    try (Servers servers = new Servers(run);
        Installation installation = new Installation(servers, run, 2, place(servers))) {
      Measures measures = new Measures();
      try (HonestTraffic traffic = new HonestTraffic(installation, measures, run.seed());
          Vitals vitals = new Vitals(installation)) {
        findings.require(traffic.flows(FLOW_LIMIT), "honest traffic flows", "not at first");
        measures.clear();
        misbehave(servers);
        soak(time, installation, traffic);
        traffic.stopSubmitting();
        Invariants invariants = new Invariants(installation, findings);
        emptied(installation, findings);
        invariants.settle(SETTLE_LIMIT);
        invariants.settleAll(SETTLE_LIMIT);
        invariants.check();
        findings.require(installation.isAlive(), "both replicas survive", "one has ended");
        findings.require(
            vitals.resident() <= Run.MAX_RESIDENT_MEBIBYTES,
            "I9 memory",
            vitals.resident() + " MiB, allowed are " + Run.MAX_RESIDENT_MEBIBYTES);
        for (String kind : HonestTraffic.KINDS) {
          findings.require(
              measures.count(kind, "before", 500) == 0, "no honest request is answered 500", kind);
        }
        System.out.printf("%s    %s%n", measures.table(), vitals);
      }
    }
    if (!findings.none()) {
      fail("soak (seed %d):%s".formatted(run.seed(), findings));
    }
  }

  private static Installation.Place place(Servers servers) {
    String name = "soak";
    servers.postgres().ensureDatabase(name);
    return Installation.Place.at(
        servers.postgres().jdbcUrl(name),
        Map.of("kling.timeout.read", READ_LIMIT.toSeconds() + "s"));
  }

  private static void misbehave(Servers servers) {
    List<FaultRule> rules =
        List.of(
            create(0.006, full()),
            create(0.002, new Fault.Answer(502, GATEWAY_PAGE)),
            create(0.001, new Fault.Answer(404, GATEWAY_PAGE)),
            create(0.001, new Fault.Answer(302, "")),
            create(0.001, new Fault.Answer(400, "")),
            create(0.001, new Fault.Answer(200, "")),
            create(0.001, new Fault.Reset()),
            create(0.002, new Fault.ThenReset()),
            create(0.002, new Fault.ThenAnswer(504, GATEWAY_PAGE)),
            create(0.001, new Fault.Delay(LATE_ANSWER.toMillis())),
            create(0.002, new Fault.ThenDelay(LATE_ANSWER.toMillis())),
            create(0.01, new Fault.CallbackFirst("succeed")),
            FaultRule.on(Operation.QUERY, new Fault.Answer(502, GATEWAY_PAGE)).probability(0.02),
            FaultRule.on(Operation.LIST, new Fault.Answer(502, GATEWAY_PAGE)).probability(0.02),
            FaultRule.on(Operation.CALLBACK, new Fault.Drop()).probability(0.02),
            FaultRule.on(Operation.CALLBACK, new Fault.Repeat(3)).probability(0.01),
            FaultRule.on(Operation.CALLBACK, new Fault.Swap()).probability(0.01));
    for (KlingSimulator kling : servers.klings()) {
      SimulatorClient control = new SimulatorClient(kling.controlUrl());
      control.renderTimes(SUBMITTED_FOR, RENDERS_FOR);
      control.clearFaults();
      rules.forEach(kling::fault);
    }
  }

  private static FaultRule create(double share, Fault fault) {
    return FaultRule.on(Operation.CREATE, fault).probability(share);
  }

  private static Fault full() {
    return new Fault.Refuse(429, 1303, "parallel task over resource pack limit");
  }

  private static void soak(Duration time, Installation installation, HonestTraffic traffic)
      throws InterruptedException {
    ExecutorService submitters = Executors.newFixedThreadPool(SUBMITTERS);
    try {
      long start = System.nanoTime();
      long burstAt = start + BURST_EVERY.toNanos() / 2;
      long freeAt = Long.MAX_VALUE;
      long tellAt = start;
      int bursts = 0;
      int number = 0;
      while (System.nanoTime() - start < time.toNanos() && installation.isAlive()) {
        long now = System.nanoTime();
        for (long due = (now - start) * RATE / 1_000_000_000L; number < due; number++) {
          int turn = number;
          submitters.execute(() -> traffic.submit(turn));
        }
        if (now >= burstAt) {
          burstAt += BURST_EVERY.toNanos();
          freeAt = now + FULL_FOR.toNanos();
          if (bursts++ % 2 == 0) {
            FaultRule burst = FaultRule.on(Operation.CREATE, full()).times(BURST);
            installation.servers().klings().forEach(kling -> kling.fault(burst));
          } else {
            slots(installation, 0);
          }
        }
        if (now >= freeAt) {
          // A burst is of its moment: what of it was not asked for by then is not refused later.
          misbehave(installation.servers());
          slots(installation, Servers.SLOTS);
          freeAt = Long.MAX_VALUE;
        }
        if (now >= tellAt) {
          tellAt += TELL_EVERY.toNanos();
          tell(installation, number, (now - start) / 1e9);
        }
        LockSupport.parkNanos(1_000_000_000L / RATE);
      }
    } finally {
      slots(installation, Servers.SLOTS);
      submitters.shutdown();
      submitters.awaitTermination(SETTLE_LIMIT.toSeconds(), TimeUnit.SECONDS);
    }
  }

  private static void slots(Installation installation, int slots) {
    installation
        .servers()
        .klings()
        .forEach(kling -> new SimulatorClient(kling.controlUrl()).slots(slots));
  }

  private static void tell(Installation installation, int submitted, double seconds) {
    List<SimulatorClient> klings =
        installation.servers().klings().stream()
            .map(kling -> new SimulatorClient(kling.controlUrl()))
            .toList();
    System.out.printf(
        Locale.ROOT,
        "-- %.0f s: %d submissions, %d waiting, Kling accepted %d and refused %d for want of a"
            + " slot; limits %s; resident %s MiB%n",
        seconds,
        submitted,
        installation.sql().number(DEPTH),
        klings.stream().mapToLong(kling -> kling.totals().accepted()).sum(),
        klings.stream().mapToLong(kling -> kling.totals().refused().getOrDefault("1303", 0L)).sum(),
        installation.sql().rows(LIMITS),
        installation.replicas().stream()
            .map(replica -> Long.toString(replica.residentMebibytes()))
            .collect(Collectors.joining(" and ")));
  }

  private static void emptied(Installation installation, Findings findings) {
    long start = System.nanoTime();
    long depth = installation.sql().number(DEPTH);
    System.out.printf("-- the end: %d waiting", depth);
    while (depth > 0 && System.nanoTime() - start < QUEUE_LIMIT.toNanos()) {
      LockSupport.parkNanos(200_000_000);
      depth = installation.sql().number(DEPTH);
    }
    System.out.printf(Locale.ROOT, ", %d after %.1f s%n", depth, (System.nanoTime() - start) / 1e9);
    findings.require(
        depth == 0,
        "the queue is empty a minute later",
        depth + " wait: " + installation.sql().rows(LEFT));
  }
}
