package io.klingtracker.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;

/** {@code mvn -Pbench}. */
public final class BenchMain {

  private static final List<Bench.Group> GROUPS =
      List.of(
          new Callbacks(),
          new Submissions(),
          new Reads(),
          new Events(),
          new Statements(),
          new Startup(),
          new Webhooks(),
          new Watching(),
          new Overload(),
          new Growth(),
          new Peers());

  private static final Duration ENOUGH_FOR_SMOKE = Duration.ofSeconds(140);

  private BenchMain() {}

  /** Runs what was picked; ends with 1 when the bench itself breaks, never for a figure. */
  public static void main(String[] args) throws IOException {
    Logger.getLogger("").setLevel(Level.WARNING);
    Options options = Options.ofProcess();
    Set<String> unknown = new TreeSet<>(options.picked());
    GROUPS.forEach(group -> unknown.remove(group.name()));
    if (!unknown.isEmpty()) {
      System.err.println(
          "No such measure: "
              + String.join(", ", unknown)
              + ". There are "
              + GROUPS.stream().map(Bench.Group::name).collect(Collectors.joining(", "))
              + ".");
      System.exit(1);
    }
    Files.createDirectories(options.directory());
    long start = System.nanoTime();
    Duration enough = options.smoke() ? ENOUGH_FOR_SMOKE : options.enough();
    boolean broken = false;
    try (Stack stack = new Stack(options.directory())) {
      Report report = new Report(options);
      Optional<Pgbench> pgbench = Pgbench.find(options.directory().resolve("data"));
      if (pgbench.isEmpty()) {
        report.note("pgbench is not installed; its scripts were run by plain JDBC clients only.");
      }
      Bench bench = new Bench(options, stack, report, new SqlClients(pgbench));
      for (Bench.Group group : GROUPS) {
        if (options.wants(group.name())) {
          if (System.nanoTime() - start > enough.toNanos()) {
            report.note(
                group.name() + " was left out for time; -Dbench=" + group.name() + " runs it.");
          } else {
            broken |= !run(group, bench);
          }
        }
      }
      report.finish(Machine.here(options, stack));
    }
    System.out.printf(
        Locale.ROOT, "Took %d s.%n", Duration.ofNanos(System.nanoTime() - start).toSeconds());
    System.exit(broken ? 1 : 0);
  }

  /** One group that breaks does not take the others' figures with it. */
  private static boolean run(Bench.Group group, Bench bench) {
    bench.report().progress("-- " + group.name());
    try {
      group.run(bench);
      return true;
    } catch (Exception e) {
      e.printStackTrace();
      bench.report().note(group.name() + " broke off: " + e.getMessage());
      return false;
    }
  }
}
