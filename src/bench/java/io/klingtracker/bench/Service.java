package io.klingtracker.bench;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;

/** The packaged service as a child process, with production settings but for its addresses. */
final class Service implements AutoCloseable {

  /** Guards nothing but a run on loopback. */
  static final String SECRET = "bench-tracker-secret-0123456789abcdef0123456789";

  static final String KLING_KEY = "bench-kling-key";
  static final String API_KEY = "bench-api-key-0001";
  static final String WEBHOOK_SECRET = "whsec_YmVuY2gtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi";

  /** With less than this share of a core the compiler changes no figure any more. */
  private static final double COMPILED = 0.08;

  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(20);

  private final int port = FreePort.find();
  private final Path log;
  private final Process process;

  /**
   * Starts it; {@link #awaitReady} tells when it takes requests.
   *
   * @param topic where its events go
   * @param settings on top of what it needs to find its servers
   */
  Service(
      Options options,
      Stack stack,
      Database database,
      String topic,
      Map<String, String> settings,
      Path jar,
      List<String> jvm) {
    Map<String, String> config = new TreeMap<>();
    config.put("quarkus.http.port", Integer.toString(port));
    config.put("quarkus.http.host", "localhost");
    config.put("quarkus.datasource.jdbc.url", database.url());
    config.put("quarkus.datasource.username", EmbeddedPostgresServer.USER);
    config.put("quarkus.datasource.password", "");
    config.put("kafka.bootstrap.servers", stack.kafka().bootstrapServers());
    config.put("tracker.events.topic", topic);
    config.put("tracker.events.state.topic", topic + ".state");
    config.put("tracker.public-url", "http://localhost:" + port);
    config.put("tracker.secret", SECRET);
    config.put("tracker.admin-key", "bench-admin-key-0001");
    config.put("tracker.bootstrap.tenant", Tasks.TENANT);
    config.put("tracker.bootstrap.api-key", API_KEY);
    config.put("tracker.webhook.allow-private", "true");
    config.put("kling.accounts.default.base-url", stack.kling().url());
    config.put("kling.accounts.default.api-key", KLING_KEY);
    config.put("kling.accounts.default.access-key", "bench");
    config.put("kling.accounts.default.secret-key", "bench-secret-0123456789abcdef");
    config.put("kling.accounts.default.webhook-secrets", WEBHOOK_SECRET);
    config.put("kling.result-hosts", "result.example");
    config.putAll(settings);
    List<String> command = new ArrayList<>(List.of(options.java().toString()));
    // Less heap than k8s/ leaves it: what holds here holds there.
    command.addAll(List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"));
    command.addAll(jvm);
    config.forEach((key, value) -> command.add("-D" + key + "=" + value));
    command.addAll(List.of("-jar", jar.toString()));
    try {
      log = Files.createTempFile(options.directory().resolve("data"), "service", ".log");
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    // A bench that is killed leaves no service behind.
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
  }

  Service awaitReady() {
    HttpRequest ready =
        HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/q/health/ready"))
            .timeout(Duration.ofSeconds(2))
            .build();
    HttpClient http = HttpClient.newHttpClient();
    boolean up =
        Database.await(
            START_LIMIT,
            () -> {
              try {
                return !process.isAlive()
                    || http.send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
              } catch (IOException e) {
                return false;
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return true;
              }
            });
    if (!up || !process.isAlive()) {
      throw new IllegalStateException("the service did not start:\n" + log());
    }
    return this;
  }

  int port() {
    return port;
  }

  long pid() {
    return process.pid();
  }

  ProcessHandle process() {
    return process.toHandle();
  }

  /** What it holds of the machine's memory, in MiB; -1 where the system does not tell. */
  long residentMebibytes() {
    return mebibytes("VmRSS:");
  }

  /** The same by what it is: pages of its own, and pages of files that it has touched. */
  String memory() {
    return "%d MiB of its own, %d MiB of mapped files"
        .formatted(mebibytes("RssAnon:"), mebibytes("RssFile:"));
  }

  private long mebibytes(String name) {
    try {
      return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
          .filter(line -> line.startsWith(name))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024)
          .findFirst()
          .orElse(-1);
    } catch (IOException e) {
      return -1;
    }
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
    Map<String, Double> threads = secondsByThread();
    return threads.isEmpty()
        ? Double.NaN
        : threads.entrySet().stream()
            .filter(thread -> thread.getKey().contains("CompilerThre"))
            .mapToDouble(Map.Entry::getValue)
            .sum();
  }

  /** Processor seconds so far, all and of the busiest threads. */
  String threads() {
    Map<String, Double> threads = secondsByThread();
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

  /** By name, as far as the system keeps it; empty where it does not tell. */
  private Map<String, Double> secondsByThread() {
    Map<String, Double> seconds = new HashMap<>();
    try (DirectoryStream<Path> threads =
        Files.newDirectoryStream(Path.of("/proc/" + process.pid() + "/task"))) {
      for (Path thread : threads) {
        String stat = Files.readString(thread.resolve("stat"));
        String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')')).strip();
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        // User and system time, in hundredths.
        double spent = (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
        seconds.merge(name.equals("java") ? "main" : name, spent, Double::sum);
      }
      return seconds;
    } catch (IOException | DirectoryIteratorException e) {
      return Map.of();
    }
  }

  String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
      Files.deleteIfExists(log);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
