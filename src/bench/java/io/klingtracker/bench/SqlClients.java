package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** Runs a script by plain JDBC clients or by pgbench, whichever was faster when it first ran. */
final class SqlClients {

  private final Optional<Pgbench> pgbench;

  /** To see once that pgbench works is enough then: it counts in whole seconds. */
  private final boolean smoke;

  private final Map<String, Boolean> byPgbench = new ConcurrentHashMap<>();

  SqlClients(Optional<Pgbench> pgbench, boolean smoke) {
    this.pgbench = pgbench;
    this.smoke = smoke;
  }

  /** Transactions a second; not a number, or zero, when not one came to its end. */
  double rate(
      Database database,
      SqlScript script,
      int clients,
      Map<String, Long> variables,
      Duration time) {
    String what = script.name() + "/" + clients;
    Boolean better = byPgbench.get(what);
    double jdbc = Double.NaN;
    if (better == null || !better) {
      jdbc = JdbcClients.run(database, script, clients, variables, time).rate();
    }
    if (pgbench.isEmpty() || (better != null && !better) || (smoke && !byPgbench.isEmpty())) {
      return jdbc;
    }
    double theirs = pgbench.get().run(database, script, clients, variables, time);
    if (Double.isNaN(theirs)) {
      return jdbc;
    }
    byPgbench.putIfAbsent(what, theirs > jdbc);
    return Double.isNaN(jdbc) ? theirs : Math.max(jdbc, theirs);
  }
}
