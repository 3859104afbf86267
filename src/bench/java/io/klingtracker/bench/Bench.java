package io.klingtracker.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * What every measure works with.
 *
 * @param sql plain clients of PostgreSQL
 */
record Bench(Options options, Stack stack, Report report, SqlClients sql) {

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
}
