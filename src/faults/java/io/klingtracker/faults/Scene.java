package io.klingtracker.faults;

import java.time.Duration;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** What a row works with: an installation under honest load, and where it notes what failed. */
final class Scene {

  private final Run run;
  private final Installation installation;
  private final HonestTraffic traffic;
  private final Measures measures;
  private final Findings findings;
  private final Vitals vitals;
  private final Random random;
  private final int port;
  private final Attacker attacker = new Attacker();
  private final StringBuilder notes = new StringBuilder();

  /**
   * Sets it.
   *
   * @param row its number, which with the seed decides everything that looks random
   */
  Scene(
      Run run,
      Installation installation,
      HonestTraffic traffic,
      Measures measures,
      Findings findings,
      Vitals vitals,
      int row) {
    this.run = run;
    this.installation = installation;
    this.traffic = traffic;
    this.measures = measures;
    this.findings = findings;
    this.vitals = vitals;
    this.random = new Random(run.seed() * 1_000 + row);
    this.port =
        installation.replicas().get(Math.floorMod(row, installation.replicas().size())).port();
  }

  Run run() {
    return run;
  }

  Installation installation() {
    return installation;
  }

  HonestTraffic traffic() {
    return traffic;
  }

  Measures measures() {
    return measures;
  }

  Findings findings() {
    return findings;
  }

  Vitals vitals() {
    return vitals;
  }

  Random random() {
    return random;
  }

  Attacker attacker() {
    return attacker;
  }

  /** Of the replica that is attacked; rows take them in turn where there are more. */
  int port() {
    return port;
  }

  /** A callback URL without its host: rows choose the replica themselves. */
  static String path(@Nullable String callbackUrl) {
    return String.valueOf(callbackUrl).replaceFirst("^https?://[^/]*", "");
  }

  /** Prints a figure with the row's. */
  synchronized void note(String line) {
    notes.append("    ").append(line).append('\n');
  }

  synchronized String notes() {
    return notes.toString();
  }

  /** Lets the honest traffic continue for a while; ends early when the service has ended. */
  void watch(Duration time) {
    long end = System.nanoTime() + time.toNanos();
    while (System.nanoTime() < end && installation.isAlive()) {
      LockSupport.parkNanos(100_000_000);
    }
  }
}
