package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.fail;

import io.klingtracker.local.ServiceProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Callers, callbacks and two replicas for a long while, with one attack after the other, each once
 * a minute if there is time; then everything must have ended. Runs with {@code -Dfaults.mixed=20m}.
 */
@Attack
@ExtendWith(Stage.class)
@EnabledIfSystemProperty(named = "faults.mixed", matches = ".+")
final class MixedRun {

  private static final Duration FLOW_LIMIT = Duration.ofSeconds(120);
  private static final Duration SETTLE_LIMIT = Duration.ofMinutes(5);

  /** What an attack may take within its minute: they come one after the other. */
  private static final double ATTACK_SCALE = 0.1;

  /** Memory is level when the last third's most is not above the middle third's by more. */
  private static final long LEVEL_MEBIBYTES = 100;

  private static List<Row> rows() {
    return List.of(
        new Row29ForgedCallbacks(),
        new Row30EvilBodies(),
        new Row31SlowConnections(),
        new Row33HostileReceivers(),
        new Row43IdempotencyKeys(),
        new Row44StrangersIds(),
        new Row52Poison(),
        new Row53BoughtBeforeTheGate(),
        new Row54EveryBoundAtOnce());
  }

  @Test
  void everything_ends() throws Exception {
    Run run = Run.ofProperties();
    Duration time =
        Duration.ofMillis(
            (long)
                (Duration.parse("PT" + System.getProperty("faults.mixed").toUpperCase(Locale.ROOT))
                        .toMillis()
                    * run.scale()));
    System.out.printf("%n== mixed run of %s with two replicas (seed %d)%n", time, run.seed());
    Findings findings = new Findings();
    try (Servers servers = new Servers(run);
        Installation installation = new Installation(servers, run, 2)) {
      Measures measures = new Measures();
      List<Long> resident = new ArrayList<>();
      try (HonestTraffic traffic = new HonestTraffic(installation, measures, run.seed());
          Vitals vitals = new Vitals(installation)) {
        findings.require(traffic.flows(FLOW_LIMIT), "honest traffic flows", "not at first");
        mix(run, time, installation, traffic, measures, findings, vitals, resident);
        traffic.stopSubmitting();
        if (installation.isAlive()) {
          Invariants invariants = new Invariants(installation, findings);
          invariants.settle(SETTLE_LIMIT);
          invariants.settleAll(SETTLE_LIMIT);
          invariants.check();
        } else {
          for (ServiceProcess replica : installation.replicas()) {
            String log = replica.log();
            System.out.println(log.substring(Math.max(0, log.length() - 1_000)));
          }
        }
        judge(vitals, resident, findings);
      }
    }
    if (!findings.none()) {
      fail("mixed run (seed %d):%s".formatted(run.seed(), findings));
    }
  }

  private static void mix(
      Run run,
      Duration time,
      Installation installation,
      HonestTraffic traffic,
      Measures measures,
      Findings findings,
      Vitals vitals,
      List<Long> resident)
      throws Exception {
    List<Row> rows = rows();
    Run brief = new Run(Math.min(run.scale(), ATTACK_SCALE), run.seed(), run.jar());
    long start = System.nanoTime();
    long end = start + time.toNanos();
    for (int minute = 1; System.nanoTime() < end && installation.isAlive(); minute++) {
      measures.clear();
      List<String> took = new ArrayList<>();
      long minuteEnd = Math.min(end, start + minute * Duration.ofMinutes(1).toNanos());
      for (Row row : rows) {
        if (!installation.isAlive()) {
          break;
        }
        long begun = System.nanoTime();
        measures.phase("attack");
        Scene scene =
            new Scene(
                brief, installation, traffic, measures, findings, vitals, row.number() + minute);
        try (Attacker attacker = scene.attacker()) {
          row.attack(scene);
        } catch (Exception e) {
          findings.add("an attack can be made", "row " + row.number() + ": " + e);
        }
        if (!installation.isAlive()) {
          findings.add("both replicas survive", "one has ended in row " + row.number());
        }
        String seconds =
            String.format(
                Locale.ROOT, "%d in %.0f s", row.number(), (System.nanoTime() - begun) / 1e9);
        took.add(seconds);
        System.out.println("   row " + seconds);
      }
      measures.phase("calm");
      while (System.nanoTime() < minuteEnd && installation.isAlive()) {
        new Scene(brief, installation, traffic, measures, findings, vitals, 0)
            .watch(Duration.ofMillis(200));
      }
      if (!installation.isAlive()) {
        break;
      }
      resident.add(
          installation.replicas().stream()
              .filter(ServiceProcess::isAlive)
              .mapToLong(ServiceProcess::residentMebibytes)
              .max()
              .orElse(0));
      print(minute, took, installation, measures, start);
      noServerErrors(measures, findings, minute);
    }
  }

  private static void print(
      int round, List<String> took, Installation installation, Measures measures, long start) {
    Sql sql = installation.sql();
    System.out.printf(
        Locale.ROOT,
        "-- round %d, %.0f s: rows %s%n"
            + "   resident %s MiB, threads %s; open tasks %d (honest %d), outbox %d, callbacks waiting %d,"
            + " webhooks waiting %d (honest %d)%n%s",
        round,
        (System.nanoTime() - start) / 1e9,
        String.join(", ", took),
        installation.replicas().stream()
            .map(replica -> Long.toString(replica.residentMebibytes()))
            .collect(Collectors.joining(" and ")),
        installation.replicas().stream()
            .map(replica -> Long.toString(replica.threads()))
            .collect(Collectors.joining(" and ")),
        sql.number("select count(*) from task where finished_at is null"),
        sql.number(
            "select count(*) from task where finished_at is null and tenant_id = ?",
            Installation.HONEST.id()),
        sql.number("select count(*) from outbox"),
        sql.number("select count(*) from callback_pending"),
        sql.number("select count(*) from webhook_delivery"),
        sql.number(
            "select count(*) from webhook_delivery where tenant_id = ?", Installation.HONEST.id()),
        measures.table());
  }

  private static void noServerErrors(Measures measures, Findings findings, int round) {
    for (String kind : HonestTraffic.KINDS) {
      for (String phase : measures.phases()) {
        findings.require(
            measures.count(kind, phase, 500) == 0,
            "no honest request is answered 500",
            kind + " in round " + round);
      }
    }
  }

  private static void judge(Vitals vitals, List<Long> resident, Findings findings) {
    findings.require(
        vitals.resident() <= Run.MAX_RESIDENT_MEBIBYTES,
        "I9 memory",
        vitals.resident() + " MiB, allowed are " + Run.MAX_RESIDENT_MEBIBYTES);
    if (resident.size() >= 6) {
      int third = resident.size() / 3;
      long middle = most(resident.subList(third, 2 * third));
      long last = most(resident.subList(2 * third, resident.size()));
      findings.require(
          last <= middle + LEVEL_MEBIBYTES,
          "memory is level",
          "at most " + middle + " MiB in the middle third, " + last + " in the last");
    }
    System.out.printf("    resident by round, MiB: %s; %s%n", resident, vitals);
  }

  private static long most(List<Long> values) {
    return values.stream().mapToLong(value -> value).max().orElse(0);
  }
}
