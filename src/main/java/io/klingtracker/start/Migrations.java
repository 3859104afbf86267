package io.klingtracker.start;

import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.AgroalConnectionFactoryConfiguration;
import io.agroal.api.configuration.supplier.AgroalConnectionFactoryConfigurationSupplier;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.klingtracker.database.LockHolders;
import io.klingtracker.database.SqlStates;
import io.klingtracker.retry.Patience;
import io.klingtracker.start.MigrateConfig.Migrate;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Migrates the schema before anything else begins, on connections of its own: a statement may take
 * as long as it must, a lock is waited for briefly and asked for again, so that whoever works with
 * the table meanwhile is not held up behind us. One replica migrates, the others wait.
 */
@Singleton
class Migrations {

  private static final Logger LOG = Logger.getLogger(Migrations.class);

  /** Before every other observer of the start. */
  private static final int FIRST = 1;

  /** Others queue up behind us for as long; their own bound is three seconds. */
  static final Duration LOCK_TIMEOUT = Duration.ofSeconds(1);

  /** Between two tries, for those who queued up. */
  private static final Duration PAUSE = Duration.ofSeconds(2);

  private static final Duration SAY_EVERY = Duration.ofSeconds(30);

  /** Flyway's table, its lock and the migration itself; ours, and a question who blocks. */
  private static final int CONNECTIONS = 6;

  private static final Duration CONNECT = Duration.ofSeconds(10);

  private static final String NAME = "kling-task-tracker migrations";

  private static final String LIMITS =
      "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;"
          + " set lock_timeout = %s; set application_name = '"
          + NAME
          + "'";

  private static final String TRY_LOCK =
      "select pg_try_advisory_lock(hashtext('kling-task-tracker/migrations'))";

  /** What the next version has applied does not concern this one, which may run beside it. */
  private static final String NEWER = "*:future";

  private static final String ANOTHER_HISTORY =
      "the schema %s was made by other migrations than this version's (%s), and none lead from there to here: continue with the"
          + " version that made it, or name an empty database in quarkus.datasource.jdbc.url, or give up all that is in"
          + " this one with 'drop schema %s cascade; create schema %s' (mvn -Plocal: delete the folder .local)";

  private final Flyway flyway;
  private final AgroalDataSource pool;
  private final StartConfig config;
  private final Migrate migrate;
  private final Optional<String> sessionUrl;

  @Inject
  Migrations(
      Flyway flyway,
      AgroalDataSource pool,
      StartConfig config,
      MigrateConfig who,
      @ConfigProperty(name = "tracker.datasource.session-url") Optional<String> sessionUrl) {
    this.flyway = flyway;
    this.pool = pool;
    this.config = config;
    this.migrate = who.migrate();
    this.sessionUrl = sessionUrl;
  }

  /**
   * Migrates, or waits until somebody has, or stops the start. Where migrating is all that is to be
   * done, it ends the process with 0.
   *
   * @throws ConfigurationException which Quarkus prints as one line, and exits with 1
   */
  void onStart(@Observes @Priority(FIRST) StartupEvent start) {
    AgroalConnectionFactoryConfiguration service =
        pool.getConfiguration().connectionPoolConfiguration().connectionFactoryConfiguration();
    // Limits and locks are a session's: a pooler of transactions would spread them.
    String url = sessionUrl.orElseGet(service::jdbcUrl);
    try {
      if (migrate == Migrate.OFF) {
        awaitOthers(flyway.getConfiguration(), service, url, config.most(), LOG::warn);
      } else {
        migrate(flyway.getConfiguration(), service, url, config.most(), LOG::warn);
      }
    } catch (IllegalStateException e) {
      LOG.debugf(e, "the migrations");
      throw new ConfigurationException("Kling Task Tracker cannot start: " + e.getMessage());
    }
    if (migrate == Migrate.ONLY) {
      System.err.println(
          "Kling Task Tracker has migrated the schema and ends: tracker.migrate=only");
      // Nothing else has begun, and Quarkus fails to stop what it has not started.
      Runtime.getRuntime().halt(0);
    }
  }

  /**
   * Waits until nothing is to be migrated any more.
   *
   * @param migrations what this version needs
   * @param service how the service connects
   * @param url where to
   * @param most how long others are waited for
   * @param say receives what is waited for, now and then
   * @throws IllegalStateException with one line, when others have been waited for long enough, or
   *     waiting is of no use
   */
  static void awaitOthers(
      Configuration migrations,
      AgroalConnectionFactoryConfiguration service,
      String url,
      Duration most,
      Consumer<String> say) {
    Patience patience = new Patience("tracker.start.wait", most, PAUSE, SAY_EVERY, say);
    for (String wait = missing(migrations, service, url);
        !wait.isEmpty();
        wait = missing(migrations, service, url)) {
      patience.await(
          "somebody to migrate the schema, a start with tracker.migrate=only or start: " + wait);
    }
  }

  /** What keeps this version from running on the schema; empty when nothing does. */
  private static String missing(
      Configuration migrations, AgroalConnectionFactoryConfiguration service, String url) {
    try (AgroalDataSource own = connections(service, url);
        Connection connection = own.getConnection()) {
      Flyway flyway = configured(migrations, NEWER).dataSource(own).load();
      refuseAnotherHistory(flyway, connection.getSchema());
      MigrationInfo[] pending = flyway.info().pending();
      return pending.length == 0
          ? ""
          : pending.length + " migrations are missing, the first is V" + pending[0].getVersion();
    } catch (FlywayException | SQLException e) {
      if (!SqlStates.isTemporary(e)) {
        throw new IllegalStateException("the schema cannot be read: " + reason(e), e);
      }
      return "PostgreSQL: " + SqlStates.oneLine(e);
    }
  }

  /**
   * Migrates, or finds that nothing is to be done.
   *
   * @param migrations what Flyway is to do; its data source is not used
   * @param service how the service connects; its limits do not hold here
   * @param url where to
   * @param most how long others are waited for
   * @param say receives what is waited for, now and then
   * @throws IllegalStateException with one line, when others have been waited for long enough, or
   *     waiting is of no use
   */
  static void migrate(
      Configuration migrations,
      AgroalConnectionFactoryConfiguration service,
      String url,
      Duration most,
      Consumer<String> say) {
    Patience patience = new Patience("tracker.start.wait", most, PAUSE, SAY_EVERY, say);
    for (String wait = attempt(migrations, service, url);
        !wait.isEmpty();
        wait = attempt(migrations, service, url)) {
      patience.await("the schema's migrations wait for " + wait);
    }
  }

  /** What it waits for; empty when there is nothing left to do. */
  private static String attempt(
      Configuration migrations, AgroalConnectionFactoryConfiguration service, String url) {
    // New connections for each attempt: a failed one may keep some. The lock ends with its session.
    try (AgroalDataSource own = connections(service, url)) {
      return attempt(configured(migrations, NEWER).dataSource(own).load(), own);
    } catch (FlywayException | SQLException e) {
      if (!SqlStates.isTemporary(e)) {
        throw new IllegalStateException("the schema cannot be migrated: " + reason(e), e);
      }
      return "PostgreSQL: " + SqlStates.oneLine(e);
    }
  }

  /**
   * Flyway's first line names the migration, what PostgreSQL says comes in a form of many lines.
   */
  private static String reason(Exception failure) {
    String message = String.valueOf(failure.getMessage()).strip();
    return SqlStates.of(failure).isEmpty()
        ? message.replaceAll("\\s+", " ")
        : message.lines().findFirst().orElse("") + ": " + SqlStates.oneLine(failure);
  }

  private static String attempt(Flyway flyway, DataSource own) throws SQLException {
    try (Connection guard = own.getConnection();
        Statement statement = guard.createStatement()) {
      try (ResultSet row = statement.executeQuery(TRY_LOCK)) {
        row.next();
        if (!row.getBoolean(1)) {
          return "another replica's";
        }
      }
      refuseAnotherHistory(flyway, guard.getSchema());
      flyway.migrate();
      return "";
    } catch (FlywayException | SQLException e) {
      if (SqlStates.isLockTimeout(e)) {
        return "a lock: " + holders(own);
      }
      throw e;
    }
  }

  private static FluentConfiguration configured(Configuration migrations, String... ignored) {
    return Flyway.configure().configuration(migrations).ignoreMigrationPatterns(ignored);
  }

  /** What is to be applied, and what a newer version has applied after it, is no other history. */
  private static void refuseAnotherHistory(Flyway flyway, @Nullable String schema) {
    configured(flyway.getConfiguration(), NEWER, "*:pending")
        .load()
        .validateWithResult()
        .invalidMigrations
        .stream()
        .findFirst()
        .ifPresent(
            other -> {
              throw new IllegalStateException(
                  ANOTHER_HISTORY.formatted(
                      schema,
                      other.errorDetails.errorMessage.lines().findFirst().orElse(""),
                      schema,
                      schema));
            });
  }

  private static String holders(DataSource own) throws SQLException {
    try (Connection connection = own.getConnection()) {
      return LockHolders.say(connection, NAME);
    }
  }

  private static AgroalDataSource connections(
      AgroalConnectionFactoryConfiguration service, String url) throws SQLException {
    String limits = LIMITS.formatted(LOCK_TIMEOUT.toMillis());
    String configured = service.initialSql();
    AgroalConnectionFactoryConfigurationSupplier factory =
        new AgroalConnectionFactoryConfigurationSupplier()
            .jdbcUrl(url.replaceAll("(?<=[?&])socketTimeout=[^&]*&?", ""))
            .connectionProviderClass(service.connectionProviderClass())
            .principal(service.principal())
            .loginTimeout(CONNECT)
            .initialSql(
                configured == null || configured.isBlank() ? limits : configured + "; " + limits);
    service.securityProviders().forEach(factory::addSecurityProvider);
    service.credentials().forEach(factory::credential);
    service
        .jdbcProperties()
        .forEach((name, value) -> factory.jdbcProperty(name.toString(), value.toString()));
    // Building an index is silent for as long as it takes.
    factory.jdbcProperty("socketTimeout", "0");
    return AgroalDataSource.from(
        new AgroalDataSourceConfigurationSupplier()
            .connectionPoolConfiguration(
                pool ->
                    pool.maxSize(CONNECTIONS)
                        .acquisitionTimeout(CONNECT)
                        .connectionFactoryConfiguration(factory)));
  }
}
