package io.klingtracker.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;

/** {@code mvn -Pbench}. */
public final class BenchMain {

  private static final List<Bench.Group> GROUPS =
      List.of(
          new Growth(),
          // Before anything is recorded in the service's memory.
          new Overload(),
          new Callbacks(),
          new Peers(),
          new Statements(),
          new Events(),
          new Reads(),
          new Webhooks(),
          new Submissions(),
          new Builds(),
          new Startup(),
          new Watching(),
          new Retention());

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
    boolean complete = true;
    try (Stack stack = new Stack(options.directory())) {
      Report report = new Report(options);
      Optional<Pgbench> pgbench = Pgbench.find(options.directory().resolve("data"));
      if (pgbench.isEmpty()) {
        report.note("pgbench is not installed; its scripts were run by plain JDBC clients only.");
      }
      try (Bench bench =
          new Bench(options, stack, report, new SqlClients(pgbench, options.smoke()))) {
        List<Bench.Group> picked =
            GROUPS.stream()
                .filter(group -> options.wants(group.name()))
                .filter(
                    group -> !group.byNameOnly() || options.smoke() || !options.picked().isEmpty())
                .toList();
        Set<Bench.Group> unprepared = prepare(picked, bench);
        bench.stack().checkpoint();
        report.progress("   prepared after %d s".formatted(since(start)));
        for (Bench.Group group : picked) {
          if (unprepared.contains(group)) {
            broken = true;
          } else if (System.nanoTime() - start > enough.toNanos()) {
            complete = false;
            report.note(
                group.name() + " was left out for time; -Dbench=" + group.name() + " runs it.");
          } else {
            broken |= !run(group, bench);
          }
          report.progress("   after %d s".formatted(since(start)));
        }
      }
      report.finish(Machine.here(options, stack), complete && !broken);
    }
    System.out.printf(Locale.ROOT, "Took %d s.%n", since(start));
    System.exit(broken ? 1 : 0);
  }

  private static long since(long start) {
    return Duration.ofNanos(System.nanoTime() - start).toSeconds();
  }

  /** All groups' preparations, as many at a time as there are cores; gives those that broke off. */
  private static Set<Bench.Group> prepare(List<Bench.Group> picked, Bench bench) {
    ExecutorService threads =
        Executors.newFixedThreadPool(Math.max(2, Runtime.getRuntime().availableProcessors()));
    Map<Bench.Group, Future<?>> preparations = new LinkedHashMap<>();
    for (Bench.Group group : picked) {
      preparations.put(
          group,
          threads.submit(
              () -> {
                group.prepare(bench);
                return null;
              }));
    }
    threads.shutdown();
    Set<Bench.Group> broken = new HashSet<>();
    preparations.forEach(
        (group, preparation) -> {
          try {
            preparation.get();
          } catch (ExecutionException e) {
            e.printStackTrace();
            bench.report().note(group.name() + " was not prepared: " + e.getMessage());
            broken.add(group);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            broken.add(group);
          }
        });
    return broken;
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
