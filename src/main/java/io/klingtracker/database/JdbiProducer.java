package io.klingtracker.database;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.util.UUID;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.StatementExceptions;

/**
 * Offers {@link Jdbi} over a connection pool. Handles are in autocommit: one statement, one commit.
 */
public class JdbiProducer {

  @Produces
  @Singleton
  Jdbi jdbi(DataSource pool) {
    return over(pool);
  }

  /** The way we set Jdbi up; tests use it over their own databases. */
  public static Jdbi over(DataSource pool) {
    Jdbi jdbi = Jdbi.create(pool);
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
