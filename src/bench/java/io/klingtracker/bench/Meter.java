package io.klingtracker.bench;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Reads how much processor time the service, PostgreSQL and the broker have used, and how far the
 * WAL has come; what lies between two readings is what the load between them cost. A reading that
 * the system does not give is not a number, and breaks nothing.
 */
final class Meter {

  /** Threads of the broker by how their names begin, cut to 15 characters as the system does. */
  private static final List<String> BROKER =
      List.of("data-plane", "kafka-", "raft-", "quorum-", "log-cleaner", "broker-", "metadata-");

  /** The JVM's compiler: what it does is done once, and not for each unit. */
  private static final String COMPILER = "CompilerThre";

  /** By which the kernel counts: {@code USER_HZ}, the same on every Linux that Java runs on. */
  private static final double TICKS = 100;

  private static final String ROWS =
      """
      select coalesce(sum(record_size), 0), coalesce(sum(fpi_size), 0),
        coalesce(sum(count) filter (where "resource_manager/record_type" ~ '^Heap/(INSERT|UPDATE|HOT_UPDATE|DELETE)'), 0)
      from pg_get_wal_stats('%s', '%s', true)
      """;

  private final Bench bench;
  private final Service service;
  private final boolean counted;

  /**
   * At one moment.
   *
   * @param wal up to where the WAL is on the disk
   */
  record Reading(
      double service,
      double postgres,
      Map<String, Double> threads,
      double broker,
      Optional<String> wal) {}

  Meter(Bench bench, Service service) {
    this.bench = bench;
    this.service = service;
    this.counted = bench.stack().countsWal();
  }

  Reading read() {
    Optional<String> wal = counted ? Optional.of(bench.stack().walPosition()) : Optional.empty();
    Map<String, Double> threads = byGroup(service.pid());
    double compiler =
        threads.entrySet().stream()
            .filter(thread -> thread.getKey().contains(COMPILER))
            .mapToDouble(Map.Entry::getValue)
            .sum();
    return new Reading(
        seconds(service.process()) - compiler, postgres(bench), threads, broker(), wal);
  }

  /** What was spent since a reading, for so many units. */
  Cost since(Reading before, long units) {
    Reading after = read();
    Map<String, Double> threads = new TreeMap<>(after.threads());
    // Threads that ended meanwhile leave the sum of their group smaller than it was.
    threads.replaceAll(
        (group, seconds) -> Math.max(0, seconds - before.threads().getOrDefault(group, 0.0)));
    double[] written = written(before, after);
    return new Cost(
        units,
        after.service() - before.service(),
        after.postgres() - before.postgres(),
        after.broker() - before.broker(),
        threads,
        written[0],
        written[1],
        written[2]);
  }

  /** Bytes of records, bytes of page images, rows. */
  private double[] written(Reading before, Reading after) {
    if (before.wal().isEmpty() || after.wal().isEmpty()) {
      return new double[] {Double.NaN, Double.NaN, Double.NaN};
    }
    String from = before.wal().get();
    String to = after.wal().get();
    if (from.equals(to)) {
      return new double[3];
    }
    try {
      return bench.stack().numbers(ROWS.formatted(from, to), 3);
    } catch (IllegalStateException e) {
      // No whole record lies between them.
      return new double[] {Double.NaN, Double.NaN, Double.NaN};
    }
  }

  /** Of all processes of the bench's own PostgreSQL, with those that have ended meanwhile. */
  static double postgres(Bench bench) {
    String home = bench.options().directory().toString();
    return ProcessHandle.allProcesses()
        .filter(process -> process.info().command().orElse("").startsWith(home))
        .mapToDouble(
            process -> {
              boolean first =
                  process
                      .parent()
                      .flatMap(parent -> parent.info().command())
                      .filter(command -> command.startsWith(home))
                      .isEmpty();
              return seconds("/proc/" + process.pid() + "/stat", first);
            })
        .filter(seconds -> !Double.isNaN(seconds))
        .sum();
  }

  /** Of a processor, so far; not a number where the system does not tell. */
  static double seconds(ProcessHandle process) {
    return seconds("/proc/" + process.pid() + "/stat", false);
  }

  private static double broker() {
    return byName(ProcessHandle.current().pid()).entrySet().stream()
        .filter(thread -> BROKER.stream().anyMatch(thread.getKey()::startsWith))
        .mapToDouble(Map.Entry::getValue)
        .sum();
  }

  /** Without the numbers that tell one thread of a pool from another. */
  private static Map<String, Double> byGroup(long pid) {
    Map<String, Double> groups = new TreeMap<>();
    byName(pid)
        .forEach(
            (name, seconds) ->
                groups.merge(name.replaceAll("[-_#. ]+\\d+.*$", ""), seconds, Double::sum));
    return groups;
  }

  /** Processor seconds by the thread's name, as far as the system keeps it. */
  static Map<String, Double> byName(long pid) {
    Map<String, Double> seconds = new TreeMap<>();
    try (DirectoryStream<Path> threads =
        Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
      for (Path thread : threads) {
        String file = thread.resolve("stat").toString();
        double spent = seconds(file, false);
        if (!Double.isNaN(spent)) {
          String stat = Files.readString(Path.of(file));
          String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')')).strip();
          seconds.merge(name.equals("java") ? "main" : name, spent, Double::sum);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      // A thread or the process has ended while it was read; the others count.
      return seconds;
    }
    return seconds;
  }

  private static double seconds(String file, boolean withEndedChildren) {
    try {
      String stat = Files.readString(Path.of(file));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      // utime, stime; cutime, cstime: proc(5), counted from the field behind the name.
      double ticks = Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
      if (withEndedChildren) {
        ticks += Long.parseLong(fields[13]) + Long.parseLong(fields[14]);
      }
      return ticks / TICKS;
    } catch (IOException e) {
      return Double.NaN;
    }
  }
}
