package io.klingtracker.database;

import io.agroal.api.configuration.AgroalConnectionPoolConfiguration.ExceptionSorter;
import io.agroal.api.configuration.supplier.AgroalConnectionFactoryConfigurationSupplier;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.quarkus.agroal.runtime.AgroalConnectionConfigurer;
import io.quarkus.agroal.runtime.JdbcDriver;
import io.quarkus.arc.Unremovable;
import io.quarkus.jdbc.postgresql.runtime.PostgreSQLAgroalConnectionConfigurer;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Inject;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * What Quarkus does to its pool for PostgreSQL, and more: every session that is of no use any more
 * is replaced, not only one whose connection broke, and sessions are bounded by SQL. Behind a
 * pooler in transaction mode neither settings nor prepared statements last: there the role's own
 * settings bound them.
 */
@Alternative
@Priority(1)
@JdbcDriver("postgresql")
@ApplicationScoped
@Unremovable
class PoolSetup extends PostgreSQLAgroalConnectionConfigurer implements AgroalConnectionConfigurer {

  private final DatasourceConfig config;
  private final Optional<String> configured;

  @Inject
  PoolSetup(
      DatasourceConfig config,
      @ConfigProperty(name = "quarkus.datasource.jdbc.new-connection-sql")
          Optional<String> configured) {
    this.config = config;
    this.configured = configured;
  }

  @Override
  public void setExceptionSorter(
      String databaseKind, AgroalDataSourceConfigurationSupplier dataSource) {
    dataSource.connectionPoolConfiguration().exceptionSorter(sorter());
    AgroalConnectionFactoryConfigurationSupplier factory =
        dataSource.connectionPoolConfiguration().connectionFactoryConfiguration();
    if (config.sessionUrl().isPresent()) {
      factory.jdbcProperty("prepareThreshold", "0");
    } else {
      // The operator's own has the last word.
      factory.initialSql(SessionSettings.sql() + configured.map(sql -> "; " + sql).orElse(""));
    }
  }

  /** Which failures make the pool replace a session. */
  static ExceptionSorter sorter() {
    return SqlStates::isSessionLost;
  }
}
