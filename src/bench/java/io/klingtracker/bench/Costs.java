package io.klingtracker.bench;

import java.util.LinkedHashMap;
import java.util.Map;

/** The costs of what several sides did in turns, by name. */
final class Costs {

  private final Rounds rounds = new Rounds();
  private final Map<String, Cost> sums = new LinkedHashMap<>();

  /** Notes what one load cost, beside its rate. */
  void add(String name, Cost cost) {
    if (cost.units() == 0) {
      return;
    }
    sums.merge(name, cost, Cost::plus);
    rounds.add(name, cost.micros());
    rounds.add(name + " service", cost.serviceMicros());
    rounds.add(name + " postgres", cost.postgresMicros());
    rounds.add(name + " broker", cost.brokerMicros());
    rounds.add(name + " wal", cost.walBytes());
  }

  /** Microseconds of all for one, round by round. */
  Spread micros(String name) {
    return rounds.of(name);
  }

  /** Microseconds of one side over those of another, round by round. */
  Spread ratio(String name, String than) {
    return rounds.ratio(name, than);
  }

  /** One row that says what one of them cost; nothing if none was counted. */
  void report(Report report, String what, String name) {
    Cost sum = sums.get(name);
    if (sum != null) {
      report.figure("processor time of " + what + ", µs", text(name, sum));
    }
  }

  /** Total, parts and what was written, medians of the rounds. */
  String text(String name) {
    Cost sum = sums.get(name);
    return sum == null ? "–" : text(name, sum);
  }

  private String text(String name, Cost sum) {
    return "%s: service %s, PostgreSQL %s, broker %s; WAL %s B and %s B of page images, %s rows; threads %s"
        .formatted(
            rounds.of(name).text(""),
            Spread.number(rounds.of(name + " service").median()),
            Spread.number(rounds.of(name + " postgres").median()),
            Spread.number(rounds.of(name + " broker").median()),
            Spread.number(rounds.of(name + " wal").median()),
            Spread.number(sum.pageImageBytes()),
            Spread.number(sum.rowsEach()),
            sum.byThread());
  }
}
