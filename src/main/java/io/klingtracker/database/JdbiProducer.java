package io.klingtracker.database;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.util.UUID;
import javax.sql.DataSource;
import org.eclipse.microprofile.config.Config;
import org.jdbi.v3.core.ConnectionFactory;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.StatementExceptions;

/**
 * Offers {@link Jdbi} over a connection pool. Handles are in autocommit: one statement, one commit.
 */
public class JdbiProducer {

  @Produces
  @Singleton
  Jdbi jdbi(DataSource pool, Availability availability) {
    return over(pool).setSqlLogger(availability.failures());
  }

  @Produces
  @Singleton
  @LongLived
  Jdbi sessions(Config config) {
    return over(DirectConnections.of(config)::open);
  }

  /** The way we set Jdbi up; tests use it over their own databases. */
  public static Jdbi over(DataSource pool) {
    return over(pool::getConnection);
  }

  private static Jdbi over(ConnectionFactory connections) {
    Jdbi jdbi = Jdbi.create(connections);
    // Values bound to a statement are prompts and other people's data; they do not belong in logs.
    jdbi.getConfig(StatementExceptions.class)
        .setMessageRendering(StatementExceptions.MessageRendering.NONE);
    return jdbi.registerArrayType(String.class, "text")
        .registerArrayType(Integer.class, "int4")
        .registerArrayType(Long.class, "int8")
        .registerArrayType(BigDecimal.class, "numeric")
        .registerArrayType(UUID.class, "uuid");
  }
}
