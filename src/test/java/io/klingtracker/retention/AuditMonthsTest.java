package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.tenant.AuditLog;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The audit log loses whole months, and not a line before. */
class AuditMonthsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String SCHEMA = "before_months";

  private static final String PLACES =
      "select inhrelid::regclass::text from pg_inherits where inhparent = 'audit_log'::regclass order by 1";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final TestClock clock = new TestClock(Instant.parse("2030-01-31T12:00:00Z"));
  private final AuditLog audit = new AuditLog(jdbi, clock);

  /** No line can be deleted: each test has a log of its own. */
  @BeforeEach
  void another_log() {
    jdbi.useHandle(
        h -> {
          h.execute("select audit_log_drop('infinity')");
          h.execute("select audit_log_add_month('2030-01-31T12:00:00Z')");
        });
  }

  @AfterEach
  void gone() {
    jdbi.useHandle(h -> h.execute("drop schema if exists " + SCHEMA + " cascade"));
  }

  private AuditMonths months(Map<String, String> settings) {
    return new AuditMonths(
        jdbi, audit, Settings.of(RetentionConfig.class, settings), clock, registry);
  }

  private void noted(String... texts) {
    for (String text : texts) {
      audit.noted("test", "/x", text);
      clock.advance(Duration.ofDays(20));
    }
  }

  private List<String> details() {
    return audit.page(Long.MAX_VALUE, 99).stream()
        .filter(line -> line.actor().equals("test"))
        .map(AuditLog.Entry::detail)
        .toList();
  }

  @Test
  void each_month_has_a_place_before_it_begins_and_goes_as_a_whole() {
    AuditMonths months = months(Map.of("tracker.retention.audit", "30D"));
    months.runOnce();
    assertEquals(
        List.of("audit_log_2030_01", "audit_log_2030_02", "audit_log_2030_03", "audit_log_other"),
        Rows.texts(jdbi, PLACES));

    // 31 January, 20 February, 12 March.
    noted("a", "b", "c");
    assertEquals(List.of("c", "b", "a"), details());
    assertEquals(1, Rows.count(jdbi, "audit_log_2030_02"));
    // 1 April: January was over 60 days ago, February 31.
    months.runOnce();
    assertEquals(
        List.of("audit_log_2030_03", "audit_log_2030_05", "audit_log_2030_06", "audit_log_other"),
        Rows.texts(jdbi, PLACES),
        "nobody looked in March");
    assertEquals(List.of("c"), details());
    assertEquals(
        2, registry.get("tracker.retention.removed").tag("kind", "audit-month").counter().count());
    assertEquals(
        List.of("audit_log_2030_02", "audit_log_2030_01"),
        audit.page(Long.MAX_VALUE, 2).stream().map(AuditLog.Entry::path).toList(),
        "the log says so itself");
  }

  @Test
  void without_an_age_every_month_stays() {
    AuditMonths months = months(Map.of());
    noted("a", "b", "c", "d", "e");
    months.runOnce();
    assertEquals(List.of("e", "d", "c", "b", "a"), details());
  }

  @Test
  void what_no_place_was_made_for_is_kept_and_goes_when_all_of_it_is_old() {
    clock.advance(Duration.ofDays(300));
    noted("late", "later");
    assertEquals(2, Rows.count(jdbi, "audit_log_other"));
    AuditMonths months = months(Map.of("tracker.retention.audit", "30D"));
    months.runOnce();
    assertEquals(
        List.of("later", "late"), details(), "it is 6 January, and the last is of 17 December");
    // What was dropped then was noted there too.
    clock.advance(Duration.ofDays(40));
    months.runOnce();
    assertEquals(List.of(), details());
    assertEquals(0, Rows.count(jdbi, "audit_log_other where actor = 'test'"));
  }

  @Test
  void a_log_is_looked_at_once_an_hour() {
    AuditMonths months = months(Map.of());
    months.runOnce();
    jdbi.useHandle(h -> h.execute("drop table audit_log_2030_03"));
    clock.advance(AuditMonths.EVERY.minusSeconds(1));
    months.runOnce();
    assertEquals(0, Rows.count(jdbi, "pg_class where relname = 'audit_log_2030_03'"));
    clock.advance(Duration.ofSeconds(1));
    months.runOnce();
    assertEquals(1, Rows.count(jdbi, "pg_class where relname = 'audit_log_2030_03'"));
  }

  @Test
  void no_part_of_it_can_be_changed_or_emptied() {
    months(Map.of()).runOnce();
    noted("a");
    clock.advance(Duration.ofDays(400));
    noted("b");
    for (String part : List.of("audit_log", "audit_log_2030_01", "audit_log_other")) {
      for (String change : List.of("update %s set actor = 'x'", "delete from %s", "truncate %s")) {
        assertTrue(
            assertThrows(
                    UnableToExecuteStatementException.class,
                    () -> jdbi.useHandle(h -> h.execute(change.formatted(part))))
                .getMessage()
                .contains("audit_log is append-only"));
      }
    }
    assertEquals(List.of("b", "a"), details());
  }

  @Test
  void what_was_written_before_stays_and_a_session_of_before_goes_on_writing() throws SQLException {
    migrate("19");
    try (Connection before = DATABASE.dataSource().getConnection()) {
      before.createStatement().execute("set search_path to " + SCHEMA);
      String insert =
          "insert into audit_log (request_id, at, actor, address, method, path) values (gen_random_uuid(), now(), 'old', '', 'GET', '/')";
      try (PreparedStatement statement = before.prepareStatement(insert)) {
        for (int i = 0; i < 10; i++) {
          // Often enough for the driver to keep it at the server.
          statement.execute();
        }
        before
            .createStatement()
            .execute(
                "insert into audit_log (request_id, at, actor, address, method, path) values (gen_random_uuid(), now() + interval '99 days', 'odd clock', '', 'GET', '/')");
        migrate("20");
        statement.execute();
      } finally {
        before.createStatement().execute("reset search_path");
      }
    }
    String log = SCHEMA + ".audit_log";
    assertEquals(12, Rows.count(jdbi, log));
    assertEquals(12, Rows.number(jdbi, "select max(id) from " + log));
    assertEquals(12, Rows.number(jdbi, "select count(distinct id) from " + log));
    assertEquals(12, Rows.count(jdbi, SCHEMA + ".audit_log_first"));
    assertThrows(
        UnableToExecuteStatementException.class,
        () -> jdbi.useHandle(h -> h.execute("delete from " + SCHEMA + ".audit_log_first")));
  }

  private void migrate(String target) {
    Flyway.configure()
        .dataSource(DATABASE.dataSource())
        .schemas(SCHEMA)
        .defaultSchema(SCHEMA)
        .locations("classpath:db/migration")
        .target(target)
        .load()
        .migrate();
  }
}
