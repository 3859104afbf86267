package io.klingtracker.local;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;
import org.jspecify.annotations.Nullable;

/**
 * A real single-node Kafka broker (KRaft, broker and controller in one) in this JVM. It can be
 * stopped and started again on the same data and port, as a broker that goes away for a while.
 */
public final class EmbeddedKafkaBroker implements AutoCloseable {

  private static final String CLUSTER_ID = "KlingTrackerLocal00000A";

  private final Path directory;
  private final int port;
  private final int controllerPort;
  private final boolean deleteOnClose;
  private final Map<String, String> more;
  private @Nullable KafkaRaftServer server;

  private EmbeddedKafkaBroker(
      Path directory,
      int port,
      int controllerPort,
      boolean deleteOnClose,
      Map<String, String> more) {
    this.directory = directory;
    this.port = port;
    this.controllerPort = controllerPort;
    this.deleteOnClose = deleteOnClose;
    this.more = Map.copyOf(more);
  }

  /** A started broker on random ports that forgets everything when closed. */
  public static EmbeddedKafkaBroker ephemeral() {
    return ephemeral(Map.of());
  }

  /**
   * The same with settings of its own.
   *
   * @param more settings; a listener is added to ours, the others replace them
   */
  public static EmbeddedKafkaBroker ephemeral(Map<String, String> more) {
    try {
      EmbeddedKafkaBroker broker =
          new EmbeddedKafkaBroker(
              Files.createTempDirectory("kling-kafka"),
              FreePort.find(),
              FreePort.find(),
              true,
              more);
      broker.start();
      return broker;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A broker, not yet started, whose data stays.
   *
   * @param directory where the data is, or will be
   * @param port the port on loopback
   */
  public static EmbeddedKafkaBroker persistent(Path directory, int port) {
    // Only the broker itself talks to its controller, so that port may change between runs.
    return new EmbeddedKafkaBroker(directory, port, FreePort.find(), false, Map.of());
  }

  /** Starts the broker; does nothing while it runs. */
  public synchronized void start() {
    if (server != null) {
      return;
    }
    QuietLogs.warningsOnly("kafka", "org.apache.kafka", "state.change.logger");
    // Warns at every start that it activates itself, and that its only peer is not up yet.
    QuietLogs.silent("org.apache.kafka.controller", "org.apache.kafka.clients.NetworkClient");
    KafkaConfig config = KafkaConfig.fromProps(properties());
    format();
    KafkaRaftServer starting = new KafkaRaftServer(config, Time.SYSTEM);
    starting.startup();
    server = starting;
  }

  private void format() {
    try (PrintStream silence =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)) {
      Files.createDirectories(directory);
      new Formatter()
          .setPrintStream(silence)
          .setClusterId(CLUSTER_ID)
          .setNodeId(1)
          .addDirectory(directory.toString())
          .setMetadataLogDirectory(directory.toString())
          .setControllerListenerName("CONTROLLER")
          .setReleaseVersion(MetadataVersion.latestProduction())
          .setIgnoreFormatted(true)
          .run();
    } catch (Exception e) {
      throw new IllegalStateException("Kafka's directory " + directory + ": " + e.getMessage(), e);
    }
  }

  private Properties properties() {
    Properties properties = new Properties();
    properties.setProperty("process.roles", "broker,controller");
    properties.setProperty("node.id", "1");
    properties.setProperty("controller.quorum.voters", "1@localhost:" + controllerPort);
    properties.setProperty("controller.listener.names", "CONTROLLER");
    properties.setProperty(
        "listeners", "PLAINTEXT://localhost:" + port + ",CONTROLLER://localhost:" + controllerPort);
    properties.setProperty("advertised.listeners", "PLAINTEXT://localhost:" + port);
    properties.setProperty(
        "listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    properties.setProperty("log.dirs", directory.toString());
    properties.setProperty("num.network.threads", "2");
    properties.setProperty("num.io.threads", "2");
    properties.setProperty("background.threads", "2");
    properties.setProperty("log.cleaner.dedupe.buffer.size", "2097152");
    properties.setProperty("offsets.topic.num.partitions", "1");
    properties.setProperty("offsets.topic.replication.factor", "1");
    properties.setProperty("transaction.state.log.num.partitions", "1");
    properties.setProperty("transaction.state.log.replication.factor", "1");
    properties.setProperty("transaction.state.log.min.isr", "1");
    properties.setProperty("share.coordinator.state.topic.num.partitions", "1");
    properties.setProperty("share.coordinator.state.topic.replication.factor", "1");
    properties.setProperty("share.coordinator.state.topic.min.isr", "1");
    properties.setProperty("min.insync.replicas", "1");
    properties.setProperty("num.partitions", "4");
    properties.setProperty("group.initial.rebalance.delay.ms", "0");
    properties.setProperty("controlled.shutdown.enable", "false");
    // The session of a broker that was killed keeps its successor out until it ends.
    properties.setProperty("broker.heartbeat.interval.ms", "500");
    properties.setProperty("broker.session.timeout.ms", "3000");
    more.forEach(
        (key, value) ->
            properties.merge(
                key,
                value,
                (ours, theirs) -> key.contains("listener") ? ours + "," + theirs : theirs));
    return properties;
  }

  /** Stops the broker and keeps its data; does nothing while it is stopped. */
  public synchronized void stop() {
    KafkaRaftServer stopping = server;
    if (stopping != null) {
      server = null;
      stopping.shutdown();
      stopping.awaitShutdown();
    }
  }

  /** Stops and starts again, on the same data and port. */
  public synchronized void restart() {
    stop();
    start();
  }

  /** The port on loopback. */
  public int port() {
    return port;
  }

  /** What clients put into {@code bootstrap.servers}. */
  public String bootstrapServers() {
    return "localhost:" + port;
  }

  /** Stops the broker and, when it is ephemeral, deletes its data. */
  @Override
  public synchronized void close() {
    stop();
    if (deleteOnClose) {
      try {
        Directories.delete(directory);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
