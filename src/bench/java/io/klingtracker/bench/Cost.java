package io.klingtracker.bench;

import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a counted load cost. Processor time is what a user pays for, and moves far less than a rate
 * on a machine whose cores others use too.
 *
 * @param units how many of what was counted: callbacks, submissions, requests
 * @param service processor seconds of the service, user and system, without the JVM's compiler
 * @param postgres the same of all processes of PostgreSQL
 * @param broker the same of the broker's threads, which run in the bench's own JVM
 * @param threads processor seconds of the service by group of threads
 * @param wal bytes of WAL records, without the page images that follow a checkpoint
 * @param pageImages bytes of those images
 * @param rows rows inserted, updated and deleted, by the WAL; not a number where that cannot be
 *     read
 */
record Cost(
    long units,
    double service,
    double postgres,
    double broker,
    Map<String, Double> threads,
    double wal,
    double pageImages,
    double rows) {

  private static final int SHOWN = 6;
  private static final double MICROS = 1e6;

  /** Two counted loads of one kind as one. */
  Cost plus(Cost other) {
    Map<String, Double> both = new TreeMap<>(threads);
    other.threads.forEach((group, seconds) -> both.merge(group, seconds, Double::sum));
    return new Cost(
        units + other.units,
        service + other.service,
        postgres + other.postgres,
        broker + other.broker,
        both,
        wal + other.wal,
        pageImages + other.pageImages,
        rows + other.rows);
  }

  /** Microseconds of service, PostgreSQL and broker together, for one. */
  double micros() {
    return each(service + postgres + broker);
  }

  double serviceMicros() {
    return each(service);
  }

  double postgresMicros() {
    return each(postgres);
  }

  double brokerMicros() {
    return each(broker);
  }

  /** Bytes of WAL for one. */
  double walBytes() {
    return wal / units;
  }

  double pageImageBytes() {
    return pageImages / units;
  }

  /** Rows written for one. */
  double rowsEach() {
    return rows / units;
  }

  /** The service's groups of threads, the dearest first, in microseconds for one. */
  String byThread() {
    return threads.entrySet().stream()
        .filter(group -> each(group.getValue()) >= 1)
        .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
        .limit(SHOWN)
        .map(group -> String.format(Locale.ROOT, "%s %.0f", group.getKey(), each(group.getValue())))
        .collect(Collectors.joining(", "));
  }

  private double each(double seconds) {
    return seconds * MICROS / units;
  }
}
