package io.klingtracker.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What every measure works with.
 *
 * @param pgbench PostgreSQL's own load generator, where it is installed
 */
record Bench(Options options, Stack stack, Report report, Optional<Pgbench> pgbench) {

  /** One group of measures. */
  interface Group {

    /** By which it is picked. */
    String name();

    void run(Bench bench) throws Exception;
  }

  Duration seconds(int whole) {
    return Duration.ofSeconds(options.seconds(whole));
  }

  /** The service as it is packaged. */
  Service service(Database database, String topic, Map<String, String> settings) {
    return service(database, topic, settings, options.jar(), List.of());
  }

  /** Another package of it, or with options of the JVM. */
  Service service(
      Database database, String topic, Map<String, String> settings, Path jar, List<String> jvm) {
    return new Service(options, stack, database, topic, settings, jar, jvm);
  }

  EventTap tap(String topic, boolean noting) {
    return new EventTap(stack.kafka().bootstrapServers(), topic, noting);
  }

  /** Runs a script by the fastest client there is; transactions a second. */
  double fastest(
      Database database,
      SqlScript script,
      int clients,
      Map<String, Long> variables,
      Duration time) {
    double jdbc = JdbcClients.run(database, script, clients, variables, time).rate();
    return pgbench
        .map(program -> Math.max(jdbc, program.run(database, script, clients, variables, time)))
        .orElse(jdbc);
  }
}
