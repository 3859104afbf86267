package io.klingtracker.testing;

import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.agroal.api.exceptionsorter.PostgreSQLExceptionSorter;
import io.agroal.api.security.NamePrincipal;
import io.klingtracker.database.JdbiProducer;
import io.klingtracker.local.EmbeddedPostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A migrated database of a test class's own, on the PostgreSQL that all tests of the run share, and
 * emptied before each test:
 *
 * <pre>
 * &#64;RegisterExtension
 * static final TestDatabase database = TestDatabase.fresh();
 * </pre>
 *
 * @see RegisterExtension
 */
public final class TestDatabase implements BeforeEachCallback, AfterAllCallback {

  /** Sessions run in this zone, so that nobody gets to rely on the machine being in UTC. */
  public static final String ODD_TIME_ZONE = "Pacific/Chatham";

  private static final String TEMPLATE = "tracker_template";
  private static final Logger FLYWAY_LOG = Logger.getLogger("org.flywaydb");
  private static final int MAX_CONNECTIONS = 32;
  private static final AtomicInteger COUNT = new AtomicInteger();

  /**
   * A truncation makes new files for every table and index, which takes longer than most tests; a
   * few rows are deleted.
   */
  private static final String EMPTYING =
      """
      do $$
      declare
        emptied text;
        filled boolean;
        counter regclass;
      begin
        set local session_replication_role = replica;
        foreach emptied in array array[%1$s] loop
          if pg_relation_size(emptied::regclass) > 1024 * 1024 then
            truncate %2$s restart identity;
            return;
          end if;
        end loop;
        foreach emptied in array array[%1$s] loop
          execute format('select exists (select from %%s)', emptied) into filled;
          if filled then
            execute format('delete from %%s', emptied);
          end if;
        end loop;
        for counter in
          select d.objid from pg_depend d join pg_class c on c.oid = d.objid and c.relkind = 'S'
          where d.deptype in ('a', 'i') and d.refobjid = any(array[%1$s]::regclass[])
        loop
          perform setval(counter, (select seqstart from pg_sequence where seqrelid = counter), false);
        end loop;
      end
      $$
      """;

  private final String name;
  private final AgroalDataSource dataSource;
  private final Jdbi jdbi;
  private final String truncation;

  private TestDatabase(String name) {
    this.name = name;
    this.dataSource = pool(SharedServers.postgresUrl(name));
    this.jdbi = JdbiProducer.over(dataSource);
    this.truncation = truncation(jdbi);
  }

  /** A new migrated database, empty but for what migrations put there. */
  public static TestDatabase fresh() {
    synchronized (TestDatabase.class) {
      SharedServers.postgresOnce("template", TestDatabase::makeTemplate);
      // Two class loaders may each have this class, hence the identity in the name.
      String name =
          "test_"
              + Integer.toHexString(System.identityHashCode(TestDatabase.class))
              + "_"
              + COUNT.incrementAndGet();
      SharedServers.executeSql("create database " + name + " template " + TEMPLATE);
      return new TestDatabase(name);
    }
  }

  private static void makeTemplate() {
    FLYWAY_LOG.setLevel(Level.WARNING);
    SharedServers.executeSql("create database " + TEMPLATE);
    Flyway.configure()
        .dataSource(SharedServers.postgresUrl(TEMPLATE), EmbeddedPostgresServer.USER, "")
        .locations("classpath:db/migration")
        .load()
        .migrate();
  }

  private static AgroalDataSource pool(String url) {
    try {
      return AgroalDataSource.from(
          new AgroalDataSourceConfigurationSupplier()
              .connectionPoolConfiguration(
                  pool ->
                      pool.maxSize(MAX_CONNECTIONS)
                          .acquisitionTimeout(Duration.ofSeconds(20))
                          // As in the service: a connection that was cut is thrown away.
                          .exceptionSorter(new PostgreSQLExceptionSorter())
                          .connectionFactoryConfiguration(
                              factory ->
                                  factory
                                      .jdbcUrl(url)
                                      .principal(new NamePrincipal(EmbeddedPostgresServer.USER))
                                      .initialSql("set time zone '" + ODD_TIME_ZONE + "'"))));
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String truncation(Jdbi jdbi) {
    return jdbi.withHandle(
        handle -> {
          List<String> tables =
              handle
                  .createQuery(
                      """
                      select quote_ident(tablename) from pg_tables
                      where schemaname = 'public' and tablename <> 'flyway_schema_history'
                        -- A log that nobody may empty refuses to be emptied here too.
                        and tablename not like 'audit_log%'
                      """)
                  .mapTo(String.class)
                  .list();
          // What migrations put in is part of the schema.
          List<String> empty =
              tables.stream()
                  .filter(
                      table ->
                          !handle
                              .createQuery("select exists (select from " + table + ")")
                              .mapTo(Boolean.class)
                              .one())
                  .toList();
          return EMPTYING.formatted(
              empty.stream().map(table -> "'" + table + "'").collect(Collectors.joining(", ")),
              String.join(", ", empty));
        });
  }

  /** Pooled connections to this database. */
  public DataSource dataSource() {
    return dataSource;
  }

  /** JDBI on {@link #dataSource()}. */
  public Jdbi jdbi() {
    return jdbi;
  }

  /** Where a process of its own can connect to, as {@link EmbeddedPostgresServer#USER}. */
  public String jdbcUrl() {
    return SharedServers.postgresUrl(name);
  }

  /** Empties every table that migrations left empty. */
  public void truncate() {
    jdbi.useHandle(handle -> handle.execute(truncation));
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    truncate();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    dataSource.close();
    SharedServers.executeSql("drop database if exists " + name + " with (force)");
  }
}
