package io.klingtracker.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What every measure works with. */
final class Bench implements AutoCloseable {

  private static final Duration BRIEF = Duration.ofMillis(300);

  private final Options options;
  private final Stack stack;
  private final Report report;
  private final SqlClients sql;
  private final Common common = new Common(this);

  /** One group of measures. */
  interface Group {

    /** By which it is picked. */
    String name();

    /**
     * Whether it takes so long that a whole run leaves it out, unless it only shows that it works.
     */
    default boolean byNameOnly() {
      return false;
    }

    /** What takes long and is not measured; other groups prepare themselves beside it. */
    default void prepare(Bench bench) throws Exception {}

    void run(Bench bench) throws Exception;
  }

  Bench(Options options, Stack stack, Report report, SqlClients sql) {
    this.options = options;
    this.stack = stack;
    this.report = report;
    this.sql = sql;
  }

  Options options() {
    return options;
  }

  Stack stack() {
    return stack;
  }

  Report report() {
    return report;
  }

  /** Plain clients of PostgreSQL. */
  SqlClients sql() {
    return sql;
  }

  /** The service and the yardstick that groups share. */
  Common common() {
    return common;
  }

  /** How long one side of a comparison has in one round; next to nothing in a smoke run. */
  Duration seconds(int whole) {
    return options.smoke() ? BRIEF : Duration.ofSeconds(whole);
  }

  /** The service as it is packaged. */
  Service service(Database database, String topic, Map<String, String> settings) {
    return service(database, topic, settings, options.jar(), List.of());
  }

  /** Another package of it, or with options of the JVM. */
  Service service(
      Database database, String topic, Map<String, String> settings, Path jar, List<String> jvm) {
    Map<String, String> all = Service.whole(stack, database, topic);
    all.putAll(settings);
    return new Service(options, all, jar, jvm);
  }

  EventTap tap(String topic, boolean noting) {
    return new EventTap(stack.kafka().bootstrapServers(), topic, noting);
  }

  @Override
  public void close() {
    common.close();
  }
}
