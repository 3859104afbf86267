package io.klingtracker.database;

import io.smallrye.config.ConfigMapping;
import java.util.Optional;

/** The ways to PostgreSQL beside {@code quarkus.datasource}. */
@ConfigMapping(prefix = "tracker.datasource")
public interface DatasourceConfig {

  /**
   * JDBC URL on which sessions last, where {@code quarkus.datasource.jdbc.url} leads to a pooler in
   * transaction mode.
   */
  Optional<String> sessionUrl();
}
