package io.klingtracker.bench;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.ServiceProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;

/** The packaged service as a child process, with production settings but for its addresses. */
final class Service implements AutoCloseable {

  /** Guards nothing but a run on loopback. */
  static final String SECRET = "bench-tracker-secret-0123456789abcdef0123456789";

  static final String ADMIN_KEY = "bench-admin-key-0123456789abcdef0123456789";
  static final String KLING_KEY = "bench-kling-key";
  static final String API_KEY = "bench-api-key-0001";
  static final String WEBHOOK_SECRET = "whsec_YmVuY2gtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi";

  /** With less than this share of a core the compiler changes no figure any more. */
  private static final double COMPILED = 0.08;

  /** Less heap than k8s/ leaves it: what holds here holds there. */
  private static final List<String> JVM =
      List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError");

  private final ServiceProcess process;

  /**
   * Starts it; {@link #awaitReady} tells when it takes requests.
   *
   * @param settings all that it gets, but for its own address
   */
  Service(Options options, Map<String, String> settings, Path jar, List<String> jvm) {
    Map<String, String> config = new TreeMap<>(settings);
    config.put("quarkus.http.host", "localhost");
    List<String> whole = new ArrayList<>(JVM);
    whole.addAll(jvm);
    process = new ServiceProcess(config).java(options.java()).jvm(whole).jar(jar).launch();
  }

  /** The settings that every build understands: those of the contract. */
  static Map<String, String> contract(Stack stack, Database database) {
    Map<String, String> config = new TreeMap<>();
    config.put("quarkus.datasource.jdbc.url", database.url());
    config.put("quarkus.datasource.username", EmbeddedPostgresServer.USER);
    config.put("quarkus.datasource.password", "");
    config.put("kafka.bootstrap.servers", stack.kafka().bootstrapServers());
    config.put("tracker.secret", SECRET);
    config.put("tracker.admin-key", ADMIN_KEY);
    config.put("kling.accounts.default.base-url", stack.kling().url());
    config.put("kling.accounts.default.api-key", KLING_KEY);
    config.put("kling.accounts.default.access-key", "bench");
    config.put("kling.accounts.default.secret-key", "bench-secret-0123456789abcdef");
    config.put("kling.accounts.default.webhook-secrets", WEBHOOK_SECRET);
    return config;
  }

  /**
   * Those, and what the groups take for granted: a tenant with its key, and topics of their own.
   */
  static Map<String, String> whole(Stack stack, Database database, String topic) {
    Map<String, String> config = contract(stack, database);
    config.put("tracker.events.topic", topic);
    config.put("tracker.events.state.topic", topic + ".state");
    config.put("tracker.bootstrap.tenant", Tasks.TENANT);
    config.put("tracker.bootstrap.api-key", API_KEY);
    config.put("tracker.webhook.allow-private", "true");
    config.put("kling.result-hosts", "result.example");
    return config;
  }

  Service awaitReady() {
    process.awaitReady();
    return this;
  }

  int port() {
    return process.port();
  }

  long pid() {
    return process.pid();
  }

  ProcessHandle process() {
    return process.handle();
  }

  /** What it holds of the machine's memory, in MiB; -1 where the system does not tell. */
  long residentMebibytes() {
    return process.residentMebibytes();
  }

  /** The same by what it is: pages of its own, and pages of files that it has touched. */
  String memory() {
    return process.memory();
  }

  /**
   * Loads it until its compiler has little left to do, or for a while at most. How soon that is
   * depends on the machine: on two slow cores the compiler waits behind what it is to make faster.
   *
   * @param seconds most seconds in all
   * @param load loads it for so many seconds
   */
  void warmUp(int seconds, IntConsumer load) {
    int step = Math.min(5, seconds);
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    double busy;
    do {
      double before = compilerSeconds();
      long start = System.nanoTime();
      load.accept(step);
      busy = (compilerSeconds() - before) * 1e9 / (System.nanoTime() - start);
    } while (System.nanoTime() < end && busy > COMPILED);
  }

  /**
   * Processor seconds of the JVM's compiler so far; not a number where the system does not tell.
   */
  private double compilerSeconds() {
    Map<String, Double> threads = Meter.byName(process.pid());
    return threads.isEmpty()
        ? Double.NaN
        : threads.entrySet().stream()
            .filter(thread -> thread.getKey().contains("CompilerThre"))
            .mapToDouble(Map.Entry::getValue)
            .sum();
  }

  /** Processor seconds so far, all and of the busiest threads. */
  String threads() {
    Map<String, Double> threads = Meter.byName(process.pid());
    return String.format(
        Locale.ROOT,
        "%.2f s of processor time, of which %s",
        threads.values().stream().mapToDouble(Double::doubleValue).sum(),
        threads.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .limit(5)
            .map(
                thread ->
                    String.format(Locale.ROOT, "%s %.2f s", thread.getKey(), thread.getValue()))
            .collect(Collectors.joining(", ")));
  }

  String log() {
    return process.log();
  }

  @Override
  public void close() {
    process.close();
  }
}
