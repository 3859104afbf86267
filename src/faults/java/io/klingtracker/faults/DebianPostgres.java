package io.klingtracker.faults;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.klingtracker.local.Directories;
import io.klingtracker.local.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * A server of Debian's {@code postgresql-15}, with the tools that the embedded one lacks: a primary
 * of its own, or a standby of another. Everybody on loopback is let in without a password, until
 * {@link #admit} says otherwise. Runs as user {@code postgres} where the tests run as root, which
 * PostgreSQL refuses.
 */
final class DebianPostgres implements AutoCloseable {

  /** The superuser. */
  static final String USER = "postgres";

  private static final Path BIN = Path.of("/usr/lib/postgresql/15/bin");
  private static final long TOOL_SECONDS = 120;

  /** Nothing here outlives a crash of the machine, so nothing waits for the disk. */
  private static final Map<String, String> SETTINGS =
      Map.of(
          "listen_addresses", "127.0.0.1",
          "unix_socket_directories", "",
          "fsync", "off",
          "full_page_writes", "off",
          "max_connections", "200",
          "wal_level", "logical",
          "hot_standby", "on",
          "logging_collector", "off");

  private final Path home;
  private final int port = FreePort.find();

  private DebianPostgres() {
    home = Path.of(run(asServer("mktemp", "-d", "-t", "field-postgres-XXXXXX")).strip());
    // A run that is killed leaves no server behind.
    Runtime.getRuntime().addShutdownHook(new Thread(this::stopAtOnce));
  }

  /**
   * Skips the calling test, with a printed word, where the packages are missing or root cannot
   * become {@code postgres}.
   */
  static void require() {
    boolean there = Files.isExecutable(BIN.resolve("pg_basebackup"));
    if (!there) {
      System.out.println("-- skipped: Debian's postgresql-15 is not installed");
    }
    assumeTrue(there, "Debian's postgresql-15 is not installed");
  }

  /**
   * A fresh cluster, started.
   *
   * @param settings as in {@code postgresql.conf}, over those above
   */
  static DebianPostgres primary(Map<String, String> settings) {
    require();
    DebianPostgres server = new DebianPostgres();
    run(
        server.tool(
            "initdb",
            "-U",
            USER,
            "-A",
            "trust",
            "-N",
            "--locale=C",
            "-E",
            "UTF8",
            "-D",
            server.data().toString()));
    server.configure(settings);
    server.admit(
        "local all all trust",
        "host all all 127.0.0.1/32 trust",
        "host replication all 127.0.0.1/32 trust");
    server.start();
    return server;
  }

  /** A hot standby of this one, streaming, started. */
  DebianPostgres standby() {
    DebianPostgres standby = new DebianPostgres();
    run(
        tool(
            "pg_basebackup",
            "-h",
            "127.0.0.1",
            "-p",
            Integer.toString(port),
            "-U",
            USER,
            "-D",
            standby.data().toString(),
            "-R",
            "-X",
            "stream",
            "-c",
            "fast"));
    standby.configure(Map.of());
    standby.start();
    return standby;
  }

  /** Makes a standby the primary; returns once it takes writes. */
  void promote() {
    run(tool("pg_ctl", "promote", "-w", "-D", data().toString()));
  }

  /** Starts it and waits until it takes connections. */
  void start() {
    run(
        tool(
            "pg_ctl",
            "start",
            "-w",
            "-t",
            "60",
            "-s",
            "-D",
            data().toString(),
            "-l",
            home.resolve("log").toString()));
  }

  /**
   * Stops it.
   *
   * @param mode {@code smart}, {@code fast}, or {@code immediate}, which is a crash
   */
  void stop(String mode) {
    run(tool("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", data().toString()));
  }

  /** Appends to {@code postgresql.conf}; holds from the next start or {@link #reload}. */
  void configure(Map<String, String> settings) {
    Map<String, String> all = new TreeMap<>(SETTINGS);
    all.putAll(settings);
    all.put("port", Integer.toString(port));
    StringBuilder lines = new StringBuilder();
    all.forEach((name, value) -> lines.append(name + " = '" + value + "'\n"));
    write(data().resolve("postgresql.conf"), lines.toString(), true);
  }

  /** Replaces {@code pg_hba.conf}; holds from the next start or {@link #reload}. */
  void admit(String... lines) {
    write(data().resolve("pg_hba.conf"), String.join("\n", lines) + "\n", false);
  }

  /** Reads the configuration again, without a restart. */
  void reload() {
    run(tool("pg_ctl", "reload", "-s", "-D", data().toString()));
  }

  /**
   * Makes the server a certificate of its own.
   *
   * @param host whom it names
   * @return where it is; its key, {@code server.key}, is beside it
   */
  Path certificate(String host) {
    Path certificate = home.resolve("server.crt");
    run(
        asServer(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=" + host,
            "-addext",
            "subjectAltName=DNS:" + host,
            "-keyout",
            home.resolve("server.key").toString(),
            "-out",
            certificate.toString()));
    return certificate;
  }

  /** Runs one of PostgreSQL's tools as the server's user and answers what it printed. */
  String command(String tool, String... arguments) {
    return run(tool(tool, arguments));
  }

  /** Where its data is. */
  Path data() {
    return home.resolve("data");
  }

  /** On loopback. */
  int port() {
    return port;
  }

  /** URL of one database, without user. */
  String jdbcUrl(String database) {
    return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
  }

  /** Runs one statement as superuser. */
  void execute(String database, String sql) {
    try (Connection connection = DriverManager.getConnection(jdbcUrl(database), USER, "");
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(sql + ": " + e.getMessage(), e);
    }
  }

  private void write(Path file, String text, boolean append) {
    try {
      Files.writeString(
          file,
          text,
          append ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<String> tool(String name, String... arguments) {
    List<String> command = asServer(BIN.resolve(name).toString());
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  /** The command as the user under whom servers run. */
  static List<String> asServer(String... command) {
    List<String> whole = new ArrayList<>();
    if ("root".equals(System.getProperty("user.name"))) {
      whole.addAll(List.of("setpriv", "--reuid=" + USER, "--regid=" + USER, "--clear-groups"));
    }
    whole.addAll(Arrays.asList(command));
    return whole;
  }

  /** Runs a command to its end; a failure carries what it printed. */
  static String run(List<String> command) {
    try {
      Path output = Files.createTempFile("field-", ".out");
      try {
        // A file and no pipe: a server that was started keeps a pipe open.
        Process process =
            new ProcessBuilder(command)
                .directory(Path.of("/tmp").toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(TOOL_SECONDS, TimeUnit.SECONDS);
        String said = Files.readString(output);
        if (!ended || process.exitValue() != 0) {
          process.destroyForcibly();
          throw new IllegalStateException(String.join(" ", command) + ": " + said);
        }
        return said;
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private void stopAtOnce() {
    if (Files.exists(data().resolve("postmaster.pid"))) {
      stop("immediate");
    }
  }

  /** Stops it and removes its data. */
  @Override
  public void close() {
    stopAtOnce();
    try {
      Directories.delete(home);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
