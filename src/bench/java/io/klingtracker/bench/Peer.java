package io.klingtracker.bench;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.FreePort;
import io.klingtracker.secret.Secrets;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Another way to do the callbacks' job: a small project of its own, built when the bench runs from
 * what its registry gives then.
 */
final class Peer implements AutoCloseable {

  private static final Path SOURCES = Path.of("src/bench/peers");
  private static final Duration BUILD = Duration.ofMinutes(5);
  private static final Duration START = Duration.ofSeconds(60);

  private final int port = FreePort.find();
  private final Process process;

  /**
   * How one is built and started.
   *
   * @param folder of its sources
   */
  record Kind(String name, String folder, List<String> build, List<String> start) {}

  /** Why a peer is left out, in a word. */
  static final class MissingException extends Exception {
    private static final long serialVersionUID = 1L;

    MissingException(String why) {
      super(why);
    }
  }

  /** Builds one below a directory; gives its home there. */
  static Path build(Path directory, Kind kind) throws MissingException, IOException {
    Path home = directory.resolve("peers").resolve(kind.name());
    copy(SOURCES.resolve(kind.folder()), home);
    run(home, kind);
    return home;
  }

  Peer(Bench bench, Kind kind, Path home, Database database, String topic)
      throws MissingException, IOException {
    String user = EmbeddedPostgresServer.USER;
    ProcessBuilder builder = new ProcessBuilder(kind.start()).directory(home.toFile());
    builder
        .environment()
        .putAll(
            Map.of(
                "PEER_PORT", Integer.toString(port),
                "PEER_JDBC", database.url(),
                "PEER_USER", user,
                "PEER_DATABASE",
                    database.url().replace("jdbc:postgresql://", "postgres://" + user + "@"),
                "PEER_KAFKA", bench.stack().kafka().bootstrapServers(),
                "PEER_TOPIC", topic,
                "PEER_TOKEN_KEY",
                    HexFormat.of()
                        .formatHex(new Secrets(Service.SECRET, List.of()).derive("callback-token")),
                "PEER_WEBHOOK_KEY",
                    HexFormat.of()
                        .formatHex(
                            Base64.getDecoder()
                                .decode(Service.WEBHOOK_SECRET.substring("whsec_".length())))));
    Path log = home.resolve("peer.log");
    process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    if (!Database.await(START, () -> !process.isAlive() || listens()) || !process.isAlive()) {
      process.destroyForcibly();
      String text = Files.readString(log, StandardCharsets.UTF_8);
      throw new MissingException(
          "it does not start: " + text.substring(Math.max(0, text.length() - 500)));
    }
  }

  /** The newest sources; what an earlier run installed stays. */
  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        Files.createDirectories(target.resolveSibling(""));
        Files.copy(file, target, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private static void run(Path home, Kind kind) throws MissingException {
    Path log = home.resolve("build.log");
    try {
      Process build =
          new ProcessBuilder(kind.build())
              .directory(home.toFile())
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      if (!build.waitFor(BUILD.toSeconds(), TimeUnit.SECONDS)) {
        build.destroyForcibly();
        throw new MissingException("its build does not end");
      }
      if (build.exitValue() != 0) {
        throw new MissingException("it cannot be built here, see " + log);
      }
    } catch (IOException e) {
      throw new MissingException(kind.build().get(0) + " is not installed");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private boolean listens() {
    try (Socket socket = new Socket(InetAddress.getByName("localhost"), port)) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  int port() {
    return port;
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroy);
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
