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
 * A replica starts whose migration changes {@code task}, while somebody's open transaction has
 * written there and others write. Its database is one of its own, without what {@code V9} and later
 * ones make.
 */
@Field
final class Row61LockedMigration extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** Longer than a statement of the service waits for a lock. */
  private static final Duration HELD = Duration.ofSeconds(6);

  private static final String DATABASE = "locked";

  /** What makes a database one of before {@code V16}. */
  private static final List<String> BEFORE =
      List.of(
          "drop table console_session",
          "drop trigger task_labels_come on task",
          "drop trigger task_labels_go on task",
          "drop function task_keep_labels(), task_label_term(text, text)",
          "alter table task drop column metadata, drop column unnamed",
          "alter table tenant drop column retention_seconds, drop column deleting_at",
          """
          alter table task_event add constraint task_event_task_id_fkey
            foreign key (task_id) references task on delete cascade
          """,
          "drop table audit_log",
          "drop function audit_log_add_month(timestamptz), audit_log_drop(timestamptz)",
          """
          create table audit_log (
            id         bigint generated always as identity primary key,
            request_id uuid        not null,
            at         timestamptz not null,
            actor      text        not null,
            address    text        not null,
            method     text        not null,
            path       text        not null,
            detail     text        check (length(detail) <= 200),
            status     int
          )
          """,
          "create index audit_log_request on audit_log (request_id)",
          """
          create trigger audit_log_no_change before update or delete on audit_log
            for each row execute function audit_log_is_append_only()
          """,
          """
          create trigger audit_log_no_truncate before truncate on audit_log
            for each statement execute function audit_log_is_append_only()
          """,
          "alter table task drop column custody_url, drop column results",
          """
          drop table task_label, removed_use, feed_removed, erased_event, task_sum, task_sum_place, custody_queue,
            custody_copy, charged_call, archive_part, expiry_place
          """,
          "drop index made_at_kling_media",
          "alter table api_key drop column erases",
          "delete from task_event where type is not null",
          "alter table task_event drop column type, alter column status set not null",
          "delete from flyway_schema_history where version::int >= 16");

  private static final String MIGRATED =
      """
      select count(*) from flyway_schema_history where version = '16' and success
        and exists (select from information_schema.columns where table_name = 'task' and column_name = 'metadata')
      """;

  /** Takes the lock that every change of a task takes. */
  private static final String WRITE =
      "update task set updated_at = updated_at where id = 'task_none'";

  private final List<ServiceProcess> started = new ArrayList<>();

  Row61LockedMigration() {
    super(
        61,
        "a migration of a table that somebody has locked",
        "it waits, names pid and age, holds up nobody, and migrates");
  }

  @Override
  void attack(Scene scene) throws Exception {
    EmbeddedPostgresServer postgres = scene.installation().servers().postgres();
    postgres.ensureDatabase(DATABASE);
    String url = postgres.jdbcUrl(DATABASE);
    ServiceProcess first = replica(scene, url, "10m").start();
    first.stop();
    try (Connection other = DriverManager.getConnection(url, EmbeddedPostgresServer.USER, "");
        Statement statement = other.createStatement();
        Connection writer = DriverManager.getConnection(url, EmbeddedPostgresServer.USER, "");
        Statement write = writer.createStatement()) {
      write.execute("set lock_timeout = '3s'");
      String pid = lock(other, statement);
      ServiceProcess waiting = replica(scene, url, "10m").launch();
      String line = awaitLine(waiting, "wait for a lock: held, it seems, by ");
      scene.note(line.replaceFirst("^.*wait for", "the start waits for"));
      scene
          .findings()
          .require(
              line.contains("pid " + pid + ", application 'report'")
                  && line.matches(".*open for [0-9]+ s.*"),
              "who holds the lock, and for how long, is told",
              line);
      writes(scene, write);
      scene.findings().require(number(write, MIGRATED) == 0, "nothing is migrated meanwhile", "");
      other.commit();
      waiting.awaitReady();
      scene.findings().require(number(write, MIGRATED) == 1, "it migrates then", waiting.log());
      waiting.stop();

      givesUp(scene, url, other, statement);
    }
  }

  /** Whoever changes tasks meanwhile waits no longer than a statement of the service may. */
  private static void writes(Scene scene, Statement write) {
    long end = System.nanoTime() + HELD.toNanos();
    int written = 0;
    try {
      for (; System.nanoTime() < end; written++) {
        write.execute(WRITE);
        LockSupport.parkNanos(50_000_000);
      }
    } catch (SQLException e) {
      scene
          .findings()
          .require(false, "who writes to the table is not held up", String.valueOf(e.getMessage()));
    }
    scene.note(written + " writes meanwhile");
  }

  private static int number(Statement statement, String sql) throws SQLException {
    try (ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getInt(1);
    }
  }

  /** The bound of the wait. */
  private void givesUp(Scene scene, String url, Connection other, Statement statement)
      throws SQLException {
    String pid = lock(other, statement);
    ServiceProcess impatient = replica(scene, url, "3s");
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

  private ServiceProcess replica(Scene scene, String url, String wait) {
    ServiceProcess replica =
        scene
            .installation()
            .service()
            .another(Map.of("quarkus.datasource.jdbc.url", url, "tracker.start.wait", wait));
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
}
