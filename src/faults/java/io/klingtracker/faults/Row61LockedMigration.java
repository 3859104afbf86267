package io.klingtracker.faults;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.ServiceProcess;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * A replica of a newer version starts, whose migration builds indexes on {@code task}, while
 * somebody's open transaction has written there and another replica serves.
 */
@Field
final class Row61LockedMigration extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** Longer than a statement of the service waits for a lock. */
  private static final Duration HELD = Duration.ofSeconds(6);

  private static final String LOCKED = "locked";

  /** What makes the database one of before {@code V60}, which reads and writes nothing else. */
  private static final List<String> BEFORE =
      List.of(
          "drop index task_kind",
          "drop index task_model",
          "drop index task_event_end",
          "drop index dispatch_queue_tenant",
          "delete from flyway_schema_history where version = '60'");

  private static final String MIGRATED =
      """
      select count(*) from flyway_schema_history where version = '60' and success
        and exists (select from pg_indexes where indexname = 'task_kind')
      """;

  private final List<ServiceProcess> started = new ArrayList<>();

  Row61LockedMigration() {
    super(
        61,
        "a migration of a table that somebody has locked",
        "it waits, names pid and age, holds up nobody, and migrates");
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    try (Connection other =
            DriverManager.getConnection(installation.sql().url(), EmbeddedPostgresServer.USER, "");
        Statement statement = other.createStatement()) {
      String pid = lock(other, statement);
      ServiceProcess waiting = replica(installation, "10m").launch();
      String line = awaitLine(waiting, "wait for a lock: held, it seems, by ");
      scene.note(line.replaceFirst("^.*wait for", "the start waits for"));
      scene
          .findings()
          .require(
              line.contains("pid " + pid + ", application 'report'")
                  && line.matches(".*open for [0-9]+ s.*"),
              "who holds the lock, and for how long, is told",
              line);
      scene.measures().phase(LOCKED);
      scene.watch(HELD);
      served(scene);
      scene
          .findings()
          .require(installation.sql().number(MIGRATED) == 0, "nothing is migrated meanwhile", "");
      scene.measures().phase("migrates");
      other.commit();
      waiting.awaitReady();
      scene
          .findings()
          .require(installation.sql().number(MIGRATED) == 1, "it migrates then", waiting.log());

      givesUp(scene, other, statement);
    }
  }

  /** The bound of the wait. */
  private void givesUp(Scene scene, Connection other, Statement statement) throws SQLException {
    String pid = lock(other, statement);
    ServiceProcess impatient = replica(scene.installation(), "3s");
    int exit = impatient.startAndEnd();
    other.rollback();
    String log = impatient.log();
    scene
        .findings()
        .require(
            exit == 1
                && log.lines().filter(line -> line.contains("cannot start: ")).count() == 1
                && log.contains("s of tracker.start.wait=3 s)")
                && log.contains("pid " + pid)
                && !log.contains("\tat "),
            "a start ends with one line after tracker.start.wait",
            exit + ": " + log);
  }

  /** Nobody had to wait for longer than a statement may. */
  private static void served(Scene scene) {
    for (String kind : HonestTraffic.KINDS) {
      int asked = scene.measures().count(kind, LOCKED);
      int refused = scene.measures().count(kind, LOCKED, 503);
      int lost = scene.measures().count(kind, LOCKED, 0);
      scene
          .findings()
          .require(
              refused + lost == 0,
              "the replica that serves is not held up",
              "%s: %d of %d refused, %d lost".formatted(kind, refused, asked, lost));
    }
    scene
        .findings()
        .require(
            scene.measures().count("submit", LOCKED) > 0,
            "submissions are answered meanwhile",
            "none was");
  }

  /** Makes the migration pending, and begins a transaction that has written to the table. */
  private static String lock(Connection other, Statement statement) throws SQLException {
    other.setAutoCommit(true);
    statement.execute("set application_name = 'report'");
    for (String change : BEFORE) {
      statement.execute(change);
    }
    other.setAutoCommit(false);
    statement.execute("lock table task in row exclusive mode");
    try (ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getString(1);
    }
  }

  /** A replica for which that migration is one that this database has not had. */
  private ServiceProcess replica(Installation installation, String wait) {
    ServiceProcess replica =
        installation
            .service()
            .another(Map.of("quarkus.flyway.out-of-order", "true", "tracker.start.wait", wait));
    started.add(replica);
    return replica;
  }

  private static String awaitLine(ServiceProcess replica, String words) {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      for (String line : replica.log().lines().toList()) {
        if (line.contains(words)) {
          return line;
        }
      }
      if (System.nanoTime() > end) {
        throw new IllegalStateException("'" + words + "' was not said: " + replica.log());
      }
      LockSupport.parkNanos(50_000_000);
    }
  }

  @Override
  void end() {
    started.forEach(ServiceProcess::close);
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
