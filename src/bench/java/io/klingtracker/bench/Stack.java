package io.klingtracker.bench;

import com.sun.management.OperatingSystemMXBean;
import io.klingtracker.local.Directories;
import io.klingtracker.local.EmbeddedKafkaBroker;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.FreePort;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.flywaydb.core.Flyway;

/** The servers that everything in a run shares: a durable PostgreSQL and a Kafka broker. */
final class Stack implements AutoCloseable {

  /** A second account at Kling, whose callbacks are not signed. */
  static final String OPEN_ACCOUNT = "open";

  static final String OPEN_KEY = "bench-open-key";

  private static final String SEED = "seed";

  /** A database from which the WAL of all is read. */
  private static final String METERS = "meters";

  private final Path data;
  private final EmbeddedPostgresServer postgres;
  private final EmbeddedKafkaBroker kafka;
  private final KlingSimulator kling;
  private final boolean countsWal;

  Stack(Path directory) {
    try {
      data = directory.resolve("data");
      Directories.delete(data);
      Files.createDirectories(data);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    postgres =
        EmbeddedPostgresServer.persistent(
            data.resolve("postgres"),
            FreePort.find(),
            Map.of(
                "max_connections", "400",
                // As a machine of its own would have: what ten million tasks fill is not read again
                // and again while their indexes are made.
                "shared_buffers", buffers(),
                "max_wal_size", "24GB",
                // What Debezium reads, and what tells when a change was committed.
                "wal_level", "logical",
                "track_commit_timestamp", "on",
                "shared_preload_libraries", "pg_stat_statements",
                "pg_stat_statements.track", "top"));
    kafka = EmbeddedKafkaBroker.persistent(data.resolve("kafka"), FreePort.find());
    kafka.start();
    // Takes whatever it is sent and never answers.
    kling =
        new KlingSimulator(
                new SimulatorSettings()
                    .apiKey("default", Service.KLING_KEY)
                    .account("default", "bench", "bench-secret-0123456789abcdef")
                    .apiKey(OPEN_ACCOUNT, OPEN_KEY)
                    .slots(1_000_000)
                    .callbackStatuses(Set.of())
                    .renderTimes(Duration.ofHours(12), Duration.ofHours(24)))
            .start();
    postgres.ensureDatabase(METERS);
    countsWal = readsWal();
    postgres.ensureDatabase(SEED);
    Database seed = new Database(postgres, SEED);
    Flyway.configure()
        .dataSource(seed.url(), EmbeddedPostgresServer.USER, "")
        .locations("classpath:db/migration")
        .load()
        .migrate();
    seed.execute(
        "create extension pg_stat_statements",
        "insert into tenant values ('" + Tasks.TENANT + "', 'Bench', now())");
  }

  /** A third of the machine's memory, 8 GB at most. */
  private static String buffers() {
    long bytes =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    return Math.min(8_192, bytes / 3 / 1024 / 1024) + "MB";
  }

  /** A fresh database with the service's schema and one tenant. */
  Database database(String name) {
    return copy(SEED, name);
  }

  /** A database with nothing in it. */
  Database empty(String name) {
    postgres.ensureDatabase(name);
    return new Database(postgres, name);
  }

  /** A copy of a database that nobody is connected to. */
  Database copy(String from, String name) {
    postgres.execute("create database " + name + " template " + from + " strategy file_copy");
    return new Database(postgres, name);
  }

  /** Everything that was made is on the disk; what is measured next does not pay for it. */
  void checkpoint() {
    postgres.execute("checkpoint");
  }

  void drop(Database database) {
    postgres.execute("drop database if exists " + database.name() + " with (force)");
  }

  EmbeddedKafkaBroker kafka() {
    return kafka;
  }

  KlingSimulator kling() {
    return kling;
  }

  /** Whether PostgreSQL tells what is in its WAL. */
  boolean countsWal() {
    return countsWal;
  }

  /** Up to where the WAL is on the disk. */
  String walPosition() {
    return new Database(postgres, METERS).text("select pg_current_wal_flush_lsn()::text");
  }

  /** The columns of one row. */
  double[] numbers(String query, int columns) {
    return new Database(postgres, METERS).decimals(query, columns);
  }

  private boolean readsWal() {
    try {
      new Database(postgres, METERS).execute("create extension pg_walinspect");
      return true;
    } catch (IllegalStateException e) {
      // Built without it: costs come without bytes and rows.
      return false;
    }
  }

  String postgresVersion() {
    return new Database(postgres, SEED).text("show server_version");
  }

  @Override
  public void close() {
    kling.close();
    kafka.close();
    postgres.close();
    try {
      Directories.delete(data);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
