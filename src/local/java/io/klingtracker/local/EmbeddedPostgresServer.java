package io.klingtracker.local;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A real PostgreSQL 18 as a child process: ephemeral on a random port for tests, or on a directory
 * and port that stay for local runs. User {@link #USER}, no password, loopback only.
 */
public final class EmbeddedPostgresServer implements AutoCloseable {

  /** The superuser that everything connects as. */
  public static final String USER = "postgres";

  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final Duration ORPHAN_STOP_LIMIT = Duration.ofSeconds(20);

  private final EmbeddedPostgres postgres;

  private EmbeddedPostgresServer(EmbeddedPostgres postgres) {
    this.postgres = postgres;
  }

  /** A server that forgets everything when closed, or when the JVM ends. */
  public static EmbeddedPostgresServer ephemeral() {
    quiet();
    try {
      // Nothing here outlives a crash of the machine, so nothing waits for the disk.
      return new EmbeddedPostgresServer(
          settings(Path.of(System.getProperty("java.io.tmpdir")))
              .setServerConfig("fsync", "off")
              .setServerConfig("full_page_writes", "off")
              // Tests count the statements of a request.
              .setServerConfig("shared_preload_libraries", "pg_stat_statements")
              // Debezium reads the log.
              .setServerConfig("wal_level", "logical")
              .start());
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL did not start: " + e.getMessage(), e);
    }
  }

  /**
   * A server whose data stays; see {@link #stopOrphan} for what a killed run leaves behind.
   *
   * @param directory where the data is, or will be
   * @param port the port on loopback
   */
  public static EmbeddedPostgresServer persistent(Path directory, int port) {
    return persistent(directory, port, Map.of());
  }

  /**
   * The same, with further settings of the server.
   *
   * @param configuration as in {@code postgresql.conf}
   */
  public static EmbeddedPostgresServer persistent(
      Path directory, int port, Map<String, String> configuration) {
    quiet();
    try {
      removeHalfMade(directory);
      EmbeddedPostgres.Builder builder =
          settings(directory.toAbsolutePath().resolveSibling(""))
              .setDataDirectory(directory)
              .setCleanDataDirectory(false)
              .setRegisterShutdownHook(false)
              .setPort(port)
              .setServerConfig("fsync", "on");
      configuration.forEach(builder::setServerConfig);
      return new EmbeddedPostgresServer(builder.start());
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL did not start: " + e.getMessage(), e);
    }
  }

  private static EmbeddedPostgres.Builder settings(Path base) {
    return EmbeddedPostgres.builder()
        // Unpacked binaries belong to whoever unpacked them: users must not share them.
        .setOverrideWorkingDirectory(
            base.resolve("postgres-binaries-" + System.getProperty("user.name")).toFile())
        .setPGStartupWait(START_LIMIT)
        .setLocaleConfig("locale", "C")
        .setServerConfig("max_connections", "200")
        // Off by default here, which would lose commits when PostgreSQL is killed.
        .setServerConfig("synchronous_commit", "on")
        // TCP only: a socket file in /tmp would be one more thing to go stale.
        .setServerConfig("unix_socket_directories", "");
  }

  private static void quiet() {
    QuietLogs.warningsOnly("io.zonky.test.db.postgres");
  }

  /** An initdb that was killed half-way leaves a directory without its marker; start afresh. */
  private static void removeHalfMade(Path directory) throws IOException {
    if (Files.isDirectory(directory) && !Files.exists(directory.resolve("global/pg_control"))) {
      Directories.delete(directory);
    }
  }

  /**
   * A run that was killed before it could stop its PostgreSQL leaves it running: stops the one
   * named in this directory's pid file, and no other.
   */
  static void stopOrphan(Path directory) {
    try {
      stopProcess(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void stopProcess(Path directory) throws IOException {
    Path pidFile = directory.resolve("postmaster.pid");
    long pid;
    try {
      List<String> lines = Files.readAllLines(pidFile);
      pid = lines.isEmpty() ? -1 : Long.parseLong(lines.get(0).strip());
    } catch (NoSuchFileException | NumberFormatException e) {
      return;
    }
    ProcessHandle orphan = ProcessHandle.of(pid).filter(p -> serves(p, directory)).orElse(null);
    if (orphan == null) {
      // Stale; PostgreSQL would believe it if some other process has that number by now.
      Files.deleteIfExists(pidFile);
      return;
    }
    // SIGINT is PostgreSQL's fast shutdown; there is no other way to send it from Java.
    new ProcessBuilder("kill", "-INT", Long.toString(pid)).start();
    if (!ends(orphan)) {
      orphan.destroyForcibly();
      if (!ends(orphan)) {
        throw new IOException("the PostgreSQL of an earlier run does not stop, pid " + pid);
      }
    }
  }

  /** Whether a process is the PostgreSQL of this directory, and not a stranger with an old pid. */
  private static boolean serves(ProcessHandle process, Path directory) {
    String command = process.info().commandLine().orElse("");
    return command.contains("postgres") && command.contains(directory.toString());
  }

  private static boolean ends(ProcessHandle process) {
    try {
      process.onExit().get(ORPHAN_STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } catch (Exception e) {
      return !process.isAlive();
    }
  }

  /** The port on loopback. */
  public int port() {
    return postgres.getPort();
  }

  /** JDBC URL of one database, without user. */
  public String jdbcUrl(String database) {
    return "jdbc:postgresql://localhost:" + port() + "/" + database;
  }

  /** Runs one statement as superuser in the maintenance database. */
  public void execute(String sql) {
    try (Connection connection = postgres.getPostgresDatabase().getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(sql + ": " + e.getMessage(), e);
    }
  }

  /** Creates a database unless it is there. */
  public void ensureDatabase(String name) {
    try (Connection connection = postgres.getPostgresDatabase().getConnection();
        Statement statement = connection.createStatement()) {
      if (!statement
          .executeQuery("select from pg_database where datname = '" + name + "'")
          .next()) {
        statement.execute("create database " + name);
      }
    } catch (SQLException e) {
      throw new IllegalStateException("database " + name + ": " + e.getMessage(), e);
    }
  }

  /** Stops the server, open sessions and all. */
  @Override
  public void close() {
    try {
      postgres.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
