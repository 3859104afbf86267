package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.agroal.api.configuration.AgroalConnectionFactoryConfiguration;
import io.agroal.api.configuration.supplier.AgroalConnectionFactoryConfigurationSupplier;
import io.agroal.api.security.NamePrincipal;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.Configuration;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Migrations have limits of their own, whatever the service's are. */
class MigrationsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LONG = Duration.ofMinutes(2);

  /** What a migration must not be bound by: a statement of half a second is ended. */
  private static final String LIMITS =
      "options=-c%20statement_timeout=300%20-c%20idle_in_transaction_session_timeout=300&socketTimeout=1";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final List<String> said = new CopyOnWriteArrayList<>();
  @TempDir Path migrations;

  @BeforeEach
  void a_table_to_change() throws IOException {
    jdbi.useHandle(h -> h.execute("create schema changes; create table changes.small (id int)"));
    write("V1__slow.sql", "select pg_sleep(1.2)");
    write("V2__column.sql", "alter table small add column more int");
  }

  @AfterEach
  void gone() {
    jdbi.useHandle(h -> h.execute("drop schema changes cascade"));
  }

  @Test
  void a_statement_takes_as_long_as_it_must() throws SQLException {
    migrate(LONG);
    assertEquals(2, applied());
    assertEquals(List.of(), said);
  }

  @Test
  void an_open_read_is_waited_for_and_named_and_does_not_hold_up_others() throws Exception {
    CompletableFuture<Void> migrating;
    try (Handle reader = jdbi.open()) {
      String pid = openRead(reader);
      migrating = CompletableFuture.runAsync(() -> migrateUnchecked(LONG));
      while (said.isEmpty()) {
        Thread.onSpinWait();
      }
      assertTrue(
          said.get(0)
              .matches(
                  ".*wait for a lock: held, it seems, by pid "
                      + pid
                      + ", application 'report', idle in.*"),
          said.get(0));
      // Between two tries nobody queues up behind the migration.
      jdbi.useHandle(h -> h.execute("set statement_timeout = '20s'; table changes.small"));
      assertFalse(migrating.isDone());
      reader.commit();
    }
    migrating.get(60, TimeUnit.SECONDS);
    assertEquals(2, applied());
  }

  @Test
  void a_read_that_does_not_end_ends_the_start_with_a_line_that_names_it() {
    try (Handle reader = jdbi.open()) {
      String pid = openRead(reader);
      IllegalStateException end =
          assertThrows(IllegalStateException.class, () -> migrate(Duration.ofMillis(100)));
      assertTrue(String.valueOf(end.getMessage()).contains("pid " + pid), end.getMessage());
      reader.commit();
    }
  }

  @Test
  void of_two_that_start_together_one_migrates_and_the_other_waits_for_it() throws Exception {
    CompletableFuture<Void> one = CompletableFuture.runAsync(() -> migrateUnchecked(LONG));
    CompletableFuture<Void> two = CompletableFuture.runAsync(() -> migrateUnchecked(LONG));
    one.get(60, TimeUnit.SECONDS);
    two.get(60, TimeUnit.SECONDS);
    assertEquals(2, applied());
    assertTrue(said.stream().allMatch(line -> line.contains("another replica's")), said.toString());
  }

  private String openRead(Handle reader) {
    reader.begin();
    reader.execute("set local application_name = 'report'");
    reader.execute("table changes.small");
    return reader.createQuery("select pg_backend_pid()").mapTo(String.class).one();
  }

  private void migrate(Duration most) throws SQLException {
    Configuration flyway =
        Flyway.configure()
            .locations("filesystem:" + migrations)
            .schemas("changes")
            .baselineOnMigrate(true)
            .baselineVersion("0");
    AgroalConnectionFactoryConfiguration service =
        new AgroalConnectionFactoryConfigurationSupplier()
            .jdbcUrl(
                DATABASE.jdbcUrl()
                    + (DATABASE.jdbcUrl().contains("?") ? "&" : "?")
                    + "currentSchema=changes&"
                    + LIMITS)
            .principal(new NamePrincipal(EmbeddedPostgresServer.USER))
            .initialSql("set time zone 'Pacific/Chatham'")
            .get();
    Migrations.migrate(flyway, service, service.jdbcUrl(), most, said::add);
  }

  private void migrateUnchecked(Duration most) {
    try {
      migrate(most);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private long applied() {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "select count(*) from changes.flyway_schema_history where success and version > '0'")
                .mapTo(Long.class)
                .one());
  }

  private void write(String name, String sql) throws IOException {
    Files.writeString(migrations.resolve(name), sql);
  }
}
