package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * One row of the table of faults: a small class that says what it does and what must hold. The rest
 * is here: an honest tenant's traffic around it, the invariants after it, the figures printed.
 */
@ExtendWith(Stage.class)
abstract class Row {

  /** How long the installation may take to come to rest; generous, since machines differ. */
  private static final Duration SETTLE_LIMIT = Duration.ofSeconds(90);

  /** Until the first tasks have ended: the service has just been started. */
  private static final Duration FLOW_LIMIT = Duration.ofSeconds(60);

  /** Worker threads, event loops, Kafka's, the loops' and the JVM's own. */
  private static final long MAX_THREADS = 200;

  /** Connections and files beyond those of before, once what the row opened has gone. */
  private static final long MAX_LEFT_OPEN = 100;

  /** What the log says of a client that has gone. */
  private static final Pattern LEFT =
      Pattern.compile("Broken pipe|Connection reset|ClosedChannelException|Connection was closed");

  private static final int MAX_COMPLAINTS = 5;
  private static final int MAX_COMPLAINT = 300;
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(60);

  private final int number;
  private final String title;
  private final String holds;

  /**
   * Names a row.
   *
   * @param number in the table of faults
   * @param holds what must hold, in a few words
   */
  Row(int number, String title, String holds) {
    this.number = number;
    this.title = title;
    this.holds = holds;
  }

  int number() {
    return number;
  }

  /** Does its harm; what does not hold goes to {@link Scene#findings}. */
  abstract void attack(Scene scene) throws Exception;

  /**
   * What the row works on, in place of the one that rows share; closed after it, which {@link
   * #leavesTraces} must say.
   */
  Installation installation(Stage stage) throws Exception {
    return stage.installation();
  }

  /** Looked at once everything has settled. */
  void afterwards(Scene scene) throws Exception {}

  /** Ends what {@link #installation} has begun beside the installation, whatever came of it. */
  void end() {}

  /** Whether the next row needs an installation of its own, whatever came of this one. */
  boolean leavesTraces() {
    return false;
  }

  @Test
  final void holds(Stage stage) throws Exception {
    try {
      tried(stage);
    } finally {
      end();
    }
  }

  private void tried(Stage stage) throws Exception {
    Run run = stage.run();
    Installation installation = installation(stage);
    Findings findings = new Findings();
    Measures measures = new Measures();
    long start = System.nanoTime();
    System.out.printf("%n== row %d: %s (seed %d)%n", number, title, run.seed());
    Invariants invariants = new Invariants(installation, findings);
    String notes;
    long filesBefore = installation.service().openFiles();
    try (Vitals vitals = new Vitals(installation);
        HonestTraffic traffic =
            new HonestTraffic(installation, measures, run.seed() * 1_000 + number)) {
      Scene scene = new Scene(run, installation, traffic, measures, findings, vitals, number);
      if (!traffic.flows(FLOW_LIMIT)) {
        findings.add("honest traffic flows", "no tasks ended at both Klings");
      }
      measures.clear();
      scene.watch(run.seconds(8));
      measures.phase("attack");
      try (Attacker attacker = scene.attacker()) {
        attack(scene);
      }
      measures.phase("after");
      if (installation.isAlive()) {
        scene.watch(run.seconds(4));
        traffic.stopSubmitting();
        invariants.settle(SETTLE_LIMIT);
        afterwards(scene);
        invariants.check();
        closed(installation, filesBefore, findings);
      }
      notes = scene.notes() + "    " + vitals;
      judge(vitals, measures, findings, installation);
    }
    System.out.printf(
        "%s%s%n    %.0f s, %s%s%n",
        measures.table(),
        notes,
        (System.nanoTime() - start) / 1e9,
        findings.none() ? "holds: " + holds : "DOES NOT HOLD: " + holds,
        findings);
    if (!findings.none()) {
      System.out.print(complaints(installation));
    }
    if (!findings.none() || leavesTraces()) {
      stage.discard();
    }
    if (!findings.none()) {
      fail("row %d, %s (seed %d):%s".formatted(number, title, run.seed(), findings));
    }
  }

  private static void judge(
      Vitals vitals, Measures measures, Findings findings, Installation installation) {
    findings.require(
        installation.isAlive(),
        "the process survives",
        "it ended; its last words: " + lastWords(installation));
    findings.require(
        vitals.resident() <= Run.MAX_RESIDENT_MEBIBYTES,
        "I9 memory",
        vitals.resident() + " MiB, allowed are " + Run.MAX_RESIDENT_MEBIBYTES);
    findings.require(
        vitals.threads() <= MAX_THREADS,
        "I9 threads",
        vitals.threads() + ", allowed are " + MAX_THREADS);
    for (String health : new String[] {"live", "ready"}) {
      for (String phase : measures.phases()) {
        if (phase.equals(Measures.DOWN) || phase.equals(Measures.AWAY) && health.equals("ready")) {
          continue;
        }
        double slowest = measures.millis(health, phase, 1.0);
        int asked = measures.count(health, phase);
        int good = measures.count(health, phase, 200);
        findings.require(
            slowest <= Run.HEALTH_LIMIT.toMillis() && good == asked,
            "health answers within " + Run.HEALTH_LIMIT.toSeconds() + " s",
            "%s, %s: slowest %.1f s, %d of %d answered 200"
                .formatted(health, phase, slowest / 1e3, good, asked));
      }
    }
    long left =
        installation
            .service()
            .log()
            .lines()
            .filter(line -> line.contains(" ERROR "))
            .filter(line -> LEFT.matcher(line).find())
            .count();
    findings.require(left == 0, "a client that leaves is no error", left + " ERROR lines");
    for (String kind : HonestTraffic.KINDS) {
      for (String phase : measures.phases()) {
        findings.require(
            measures.count(kind, phase, 500) == 0,
            "no honest request is answered 500",
            kind + ", " + phase);
      }
    }
  }

  /** What the service warned of most often, so that a finding has a beginning. */
  private static String complaints(Installation installation) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    installation
        .service()
        .log()
        .lines()
        .filter(line -> line.contains(" WARN ") || line.contains(" ERROR "))
        .map(line -> line.replaceFirst("^\\S+ \\S+ ", "").replaceAll("[0-9a-f]{8,}|[0-9]+", "#"))
        .map(line -> line.substring(0, Math.min(line.length(), MAX_COMPLAINT)))
        .forEach(line -> counts.merge(line, 1, Integer::sum));
    StringBuilder text = new StringBuilder();
    counts.entrySet().stream()
        .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
        .limit(MAX_COMPLAINTS)
        .forEach(
            entry -> text.append("    log: %d × %s%n".formatted(entry.getValue(), entry.getKey())));
    return text.toString();
  }

  private static String lastWords(Installation installation) {
    String log = installation.service().log();
    return log.substring(Math.max(0, log.length() - 600));
  }

  /** I9: what was opened is closed again. */
  private static void closed(Installation installation, long before, Findings findings) {
    long end = System.nanoTime() + CLOSE_LIMIT.toNanos();
    long open = installation.service().openFiles();
    while (open > before + MAX_LEFT_OPEN && System.nanoTime() < end) {
      LockSupport.parkNanos(200_000_000);
      open = installation.service().openFiles();
    }
    findings.require(
        open <= before + MAX_LEFT_OPEN,
        "I9 connections",
        open + " open files, " + before + " before");
  }
}
