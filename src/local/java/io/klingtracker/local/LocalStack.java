package io.klingtracker.local;

import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorSettings;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * PostgreSQL, Kafka and the simulator of a local run, each unless the user named another, and the
 * configuration with which the service finds them.
 */
final class LocalStack {

  private static final long MIN_FREE_BYTES = 300L * 1024 * 1024;
  private static final Duration SUBMITTED_FOR = Duration.ofSeconds(1);
  private static final String DATABASE = "tracker";

  private final LocalSettings settings;
  private final Path directory;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Map<String, String> config = new LinkedHashMap<>();
  private final List<String> parts = new ArrayList<>();
  private @Nullable RandomAccessFile lockFile;

  LocalStack(LocalSettings settings) {
    this.settings = settings;
    this.directory = settings.directory();
  }

  /** Starts what is needed; a {@link LocalProblem} says in one line why it cannot be. */
  void start() {
    prepareDirectory();
    lock();
    EmbeddedPostgresServer.stopOrphan(postgresDirectory());
    checkPorts();
    startPostgres();
    startKafka();
    startSimulator();
    configureService();
  }

  private void prepareDirectory() {
    try {
      Files.createDirectories(directory);
      long free = Files.getFileStore(directory).getUsableSpace();
      if (free < MIN_FREE_BYTES) {
        throw new LocalProblem(
            "The disk of "
                + directory
                + " is full: "
                + free / (1024 * 1024)
                + " MiB free, "
                + MIN_FREE_BYTES / (1024 * 1024)
                + " MiB needed. Free some, or set local.directory to another disk.");
      }
    } catch (IOException e) {
      throw new LocalProblem(
          "Cannot write to " + directory + " (" + e + "). Set local.directory to another place.");
    }
  }

  /** A lock of the operating system: a killed run leaves none behind. */
  private void lock() {
    try {
      RandomAccessFile file = new RandomAccessFile(directory.resolve("lock").toFile(), "rw");
      FileLock lock = file.getChannel().tryLock();
      if (lock == null) {
        String owner = file.readLine();
        file.close();
        throw new LocalProblem(
            "Another local run (process "
                + (owner == null ? "unknown" : owner)
                + ") uses "
                + directory
                + ". Stop it, or set local.directory and other ports for a second run.");
      }
      file.setLength(0);
      file.write((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII));
      lockFile = file;
    } catch (IOException e) {
      throw new LocalProblem("Cannot lock " + directory + ": " + e.getMessage());
    }
  }

  private void checkPorts() {
    requireFree("quarkus.http.port", settings.servicePort(), "the service");
    if (ownsPostgres()) {
      requireFree("local.postgres-port", settings.postgresPort(), "PostgreSQL");
    }
    if (ownsKafka()) {
      requireFree("local.kafka-port", settings.kafkaPort(), "Kafka");
    }
    if (ownsSimulator()) {
      requireFree("local.simulator-port", settings.simulatorPort(), "the simulator");
      requireFree(
          "local.simulator-control-port",
          settings.simulatorControlPort(),
          "the simulator's control port");
    }
  }

  private static void requireFree(String key, int port, String what) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    } catch (IOException e) {
      throw new LocalProblem(
          "Port "
              + port
              + ", needed for "
              + what
              + ", is in use. Stop what listens there, or set "
              + key
              + ".");
    }
  }

  private boolean ownsPostgres() {
    return !settings.has("quarkus.datasource.jdbc.url");
  }

  private boolean ownsKafka() {
    return !settings.has("kafka.bootstrap.servers");
  }

  private boolean ownsSimulator() {
    return !settings.has("kling.accounts.default.base-url");
  }

  private Path postgresDirectory() {
    return directory.resolve("postgres");
  }

  private void startPostgres() {
    if (!ownsPostgres()) {
      return;
    }
    EmbeddedPostgresServer server =
        started(
            "PostgreSQL",
            () -> EmbeddedPostgresServer.persistent(postgresDirectory(), settings.postgresPort()));
    server.ensureDatabase(DATABASE);
    config.put("quarkus.datasource.jdbc.url", server.jdbcUrl(DATABASE));
    config.put("quarkus.datasource.username", EmbeddedPostgresServer.USER);
    parts.add(
        "PostgreSQL  psql -h localhost -p "
            + server.port()
            + " -U "
            + EmbeddedPostgresServer.USER
            + " "
            + DATABASE);
  }

  private void startKafka() {
    if (!ownsKafka()) {
      return;
    }
    EmbeddedKafkaBroker broker =
        started(
            "Kafka",
            () -> {
              EmbeddedKafkaBroker starting =
                  EmbeddedKafkaBroker.persistent(directory.resolve("kafka"), settings.kafkaPort());
              starting.start();
              return starting;
            });
    config.put("kafka.bootstrap.servers", broker.bootstrapServers());
    parts.add("Kafka       " + broker.bootstrapServers() + ", topic kling.task.events");
  }

  private void startSimulator() {
    if (!ownsSimulator()) {
      parts.add("Kling       " + settings.get("kling.accounts.default.base-url").orElse(""));
      return;
    }
    KlingSimulator simulator =
        started(
            "The simulator",
            () ->
                new KlingSimulator(
                        new SimulatorSettings()
                            .port(settings.simulatorPort())
                            .controlPort(settings.simulatorControlPort())
                            .directory(directory.resolve("kling"))
                            .account("default", LocalSettings.ACCESS_KEY, LocalSettings.SECRET_KEY)
                            .apiKey("default", LocalSettings.API_KEY)
                            .renderTimes(SUBMITTED_FOR, Duration.ofMillis(settings.renderMillis())))
                    .start());
    config.put("kling.accounts.default.base-url", simulator.url());
    config.put("kling.result-hosts", "localhost");
    boolean ownCredentials =
        settings.has("kling.accounts.default.api-key")
            || settings.has("kling.accounts.default.access-key");
    if (!ownCredentials) {
      config.put("kling.accounts.default.access-key", LocalSettings.ACCESS_KEY);
      config.put("kling.accounts.default.secret-key", LocalSettings.SECRET_KEY);
      // Kling's newer paths take API keys only.
      config.put("kling.accounts.default.api-key", LocalSettings.API_KEY);
    }
    parts.add(
        "Kling       simulated on " + simulator.url() + ", faults on " + simulator.controlUrl());
  }

  private void configureService() {
    // The keys are known to everybody: nobody but this machine may come. Set, it is the user's
    // choice.
    config.put("quarkus.http.host", "localhost");
    config.put("quarkus.http.port", Integer.toString(settings.servicePort()));
    config.put("tracker.public-url", serviceUrl());
    config.put("tracker.secret", LocalSettings.TRACKER_SECRET);
    config.put("tracker.admin-key", LocalSettings.ADMIN_KEY);
    config.put("tracker.bootstrap.tenant", "local");
    config.put("tracker.bootstrap.api-key", LocalSettings.API_KEY);
    config.put("tracker.bootstrap.access-key", LocalSettings.ACCESS_KEY);
    config.put("tracker.bootstrap.secret-key", LocalSettings.SECRET_KEY);
    config.put("tracker.bootstrap.webhook-secret", LocalSettings.WEBHOOK_SECRET);
    config.put("tracker.webhook.allow-private", "true");
    parts.add("Data        " + directory);
  }

  private interface Starter<T> {
    T start();
  }

  private <T extends AutoCloseable> T started(String what, Starter<T> starter) {
    T part;
    try {
      part = starter.start();
    } catch (RuntimeException e) {
      throw new LocalProblem(what + " cannot start: " + firstLine(e));
    }
    running.push(part);
    return part;
  }

  private static String firstLine(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message = root.getMessage() == null ? root.toString() : root.getMessage();
    return message.lines().findFirst().orElse(root.toString());
  }

  /** Configuration of the service; what the user set himself is left out. */
  Map<String, String> config() {
    Map<String, String> missing = new LinkedHashMap<>(config);
    missing.keySet().removeIf(settings::has);
    return missing;
  }

  /** One line for each thing that runs. */
  List<String> parts() {
    return parts;
  }

  String serviceUrl() {
    return "http://localhost:" + settings.servicePort();
  }

  /**
   * Stops all, the last started first.
   *
   * @return whether anything ran
   */
  boolean close() {
    boolean ran = !running.isEmpty();
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        System.err.println("While stopping: " + firstLine(e));
      }
    }
    try {
      if (lockFile != null) {
        lockFile.close();
        lockFile = null;
      }
    } catch (IOException e) {
      System.err.println("While stopping: " + e.getMessage());
    }
    return ran;
  }
}
