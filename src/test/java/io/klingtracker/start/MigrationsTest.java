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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
  void a_statement_takes_as_long_as_it_must() {
    migrate(LONG);
    assertEquals(2, applied());
    assertEquals(List.of(), said);
  }

  @Test
  void an_open_read_is_waited_for_and_named_and_does_not_hold_up_others() throws Exception {
    CompletableFuture<Void> migrating;
    try (Handle reader = jdbi.open()) {
      String pid = openRead(reader);
      migrating = CompletableFuture.runAsync(() -> migrate(LONG));
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
    CompletableFuture<Void> one = CompletableFuture.runAsync(() -> migrate(LONG));
    CompletableFuture<Void> two = CompletableFuture.runAsync(() -> migrate(LONG));
    one.get(60, TimeUnit.SECONDS);
    two.get(60, TimeUnit.SECONDS);
    assertEquals(2, applied());
    assertTrue(said.stream().allMatch(line -> line.contains("another replica's")), said.toString());
  }

  @Test
  void who_does_not_migrate_waits_until_somebody_has() throws Exception {
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> awaitOthers(LONG));
    while (said.isEmpty()) {
      Thread.onSpinWait();
    }
    assertTrue(said.get(0).contains("2 migrations are missing, the first is V1"), said.get(0));
    assertFalse(waiting.isDone());
    migrate(LONG);
    waiting.get(60, TimeUnit.SECONDS);
    said.clear();
    awaitOthers(LONG);
    assertEquals(List.of(), said);
  }

  @Test
  void who_waits_in_vain_has_changed_nothing_and_says_what_is_missing() {
    IllegalStateException end =
        assertThrows(IllegalStateException.class, () -> awaitOthers(Duration.ofMillis(100)));
    String line = String.valueOf(end.getMessage());
    assertTrue(line.contains("tracker.migrate=only") && line.contains("V1"), line);
    assertEquals(1, line.lines().count(), line);
    long tables =
        jdbi.withHandle(
            h ->
                h.createQuery("select count(*) from pg_tables where schemaname = 'changes'")
                    .mapTo(Long.class)
                    .one());
    assertEquals(1, tables);
  }

  @ParameterizedTest
  @CsvSource({
    "42601, alter tabel small add column more int",
    "42501, 'set local role nobody_special; alter table small add column more int'",
    "42P01, alter table smaal add column more int",
    "23505, 'insert into small values (1), (1)'"
  })
  void what_waiting_does_not_mend_ends_the_start_with_one_line_that_names_the_migration(
      String state, String sql) throws IOException {
    jdbi.useHandle(
        h ->
            h.execute(
                """
                create unique index on changes.small (id);
                drop role if exists nobody_special;
                create role nobody_special;
                grant usage on schema changes to nobody_special;
                """));
    write("V1__slow.sql", "select 1");
    write("V2__column.sql", sql);
    IllegalStateException end =
        assertThrows(IllegalStateException.class, () -> migrate(LONG), state);
    String line = String.valueOf(end.getMessage());
    assertTrue(line.contains("V2__column.sql") && line.contains("(" + state + ")"), line);
    assertEquals(1, line.lines().count(), line);
    assertEquals(List.of(), said, "nothing is waited for");
    assertEquals(1, applied());
  }

  @Test
  void a_migration_that_was_changed_after_it_was_applied_is_one_line() throws IOException {
    write("V1__slow.sql", "select 1");
    migrate(LONG);
    write("V2__column.sql", "alter table small add column other int");
    IllegalStateException end = assertThrows(IllegalStateException.class, () -> migrate(LONG));
    String line = String.valueOf(end.getMessage());
    assertTrue(line.contains("checksum"), line);
    assertEquals(1, line.lines().count(), line);
  }

  /** The first try fails, as the loser of a deadlock does. */
  @Test
  void what_was_rolled_back_is_tried_again() throws IOException {
    jdbi.useHandle(h -> h.execute("create sequence changes.tries"));
    write("V1__slow.sql", "select 1");
    write(
        "V2__column.sql",
        """
        do $$ begin
          if nextval('tries') = 1 then
            raise exception 'deadlock detected' using errcode = '40P01';
          end if;
        end $$;
        """);
    migrate(LONG);
    assertEquals(2, applied());
    assertTrue(said.get(0).matches(".*deadlock detected .*\\(40P01\\) .*"), said.toString());
  }

  @Test
  void a_schema_of_other_migrations_ends_the_start_with_one_line_and_is_left_alone()
      throws Exception {
    write("V1__tenant.sql", "create table tenant (old int)");
    write("V20__dispatch.sql", "create table dispatch (old int)");
    Files.delete(migrations.resolve("V1__slow.sql"));
    migrate(LONG);
    Files.delete(migrations.resolve("V20__dispatch.sql"));
    write("V1__tenant.sql", "create table tenant (id int, name text)");
    refused("checksum mismatch for migration version 1");

    // As it was, but for one that is not known here any more, and then but for its name.
    write("V1__tenant.sql", "create table tenant (old int)");
    write("V30__newer.sql", "create table newer (id int)");
    refused("not resolved locally: 20");
    write("V20__queue.sql", "create table dispatch (old int)");
    refused("description mismatch for migration version 20");
    assertEquals(3, applied());
  }

  @Test
  void a_schema_that_a_newer_version_has_migrated_is_good() throws Exception {
    write("V3__newer.sql", "alter table small add column newer int");
    migrate(LONG);
    Files.delete(migrations.resolve("V3__newer.sql"));
    migrate(LONG);
    assertEquals(3, applied());
  }

  private void refused(String what) {
    IllegalStateException end =
        assertThrows(IllegalStateException.class, () -> migrate(LONG), what);
    String line = String.valueOf(end.getMessage());
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.contains(what), line);
    assertTrue(line.contains("drop schema changes cascade"), line);
    assertTrue(line.contains(".local"), line);
  }

  private String openRead(Handle reader) {
    reader.begin();
    reader.execute("set local application_name = 'report'");
    reader.execute("table changes.small");
    return reader.createQuery("select pg_backend_pid()").mapTo(String.class).one();
  }

  private void migrate(Duration most) {
    AgroalConnectionFactoryConfiguration service = service();
    Migrations.migrate(flyway(), service, service.jdbcUrl(), most, said::add);
  }

  private void awaitOthers(Duration most) {
    AgroalConnectionFactoryConfiguration service = service();
    Migrations.awaitOthers(flyway(), service, service.jdbcUrl(), most, said::add);
  }

  private Configuration flyway() {
    return Flyway.configure()
        .locations("filesystem:" + migrations)
        .schemas("changes")
        // As Quarkus has it.
        .ignoreMigrationPatterns(new String[0])
        .baselineOnMigrate(true)
        .baselineVersion("0");
  }

  private static AgroalConnectionFactoryConfiguration service() {
    return new AgroalConnectionFactoryConfigurationSupplier()
        .jdbcUrl(
            DATABASE.jdbcUrl()
                + (DATABASE.jdbcUrl().contains("?") ? "&" : "?")
                + "currentSchema=changes&"
                + LIMITS)
        .principal(new NamePrincipal(EmbeddedPostgresServer.USER))
        .initialSql("set time zone 'Pacific/Chatham'")
        .get();
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
