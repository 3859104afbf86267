package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.agroal.api.security.NamePrincipal;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A pool whose only connection somebody else has. */
class AvailabilityTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofHours(1);

  private final AtomicInteger asked = new AtomicInteger();
  private AgroalDataSource pool;

  @BeforeEach
  void a_small_pool() throws SQLException {
    pool =
        AgroalDataSource.from(
            new AgroalDataSourceConfigurationSupplier()
                .connectionPoolConfiguration(
                    settings ->
                        settings
                            .maxSize(1)
                            .acquisitionTimeout(Duration.ofMillis(200))
                            .connectionFactoryConfiguration(
                                factory ->
                                    factory
                                        .jdbcUrl(DATABASE.jdbcUrl())
                                        .principal(
                                            new NamePrincipal(EmbeddedPostgresServer.USER)))));
    // The first one may take longer to be made.
    Awaitility.await()
        .atMost(LIMIT)
        .ignoreExceptions()
        .until(
            () -> {
              pool.getConnection().close();
              return true;
            });
  }

  @AfterEach
  void gone() {
    pool.close();
  }

  @Test
  void load_is_no_failure_of_postgresql() throws SQLException {
    try (Connection taken = pool.getConnection();
        Watched watched = watch(limit -> DATABASE.dataSource().getConnection(), LONG)) {
      awaitQuestions(2);
      assertNull(watched.availability().trouble());
      assertEquals(HealthCheckResponse.Status.UP, watched.health());
    }
  }

  @Test
  void nor_is_one_that_has_no_session_left() throws SQLException {
    try (Connection taken = pool.getConnection();
        Watched watched = watch(limit -> fail("too many clients", "53300"), LONG)) {
      awaitQuestions(2);
      assertNull(watched.availability().trouble());
    }
  }

  @Test
  void a_postgresql_that_is_away_while_the_pool_is_busy_is_told() throws SQLException {
    try (Connection taken = pool.getConnection();
        Watched watched = watch(limit -> fail("the connection broke", "08006"), LONG)) {
      awaitQuestions(2);
      assertEquals("the connection broke (08006)", watched.availability().trouble());
      assertEquals(HealthCheckResponse.Status.DOWN, watched.health());
    }
  }

  @Test
  void a_pool_that_serves_nobody_for_long_is_told_until_it_does() throws SQLException {
    Connection taken = pool.getConnection();
    try (Watched watched =
        watch(limit -> DATABASE.dataSource().getConnection(), Duration.ofMillis(1))) {
      awaitQuestions(3);
      String trouble = String.valueOf(watched.availability().trouble());
      assertTrue(trouble.startsWith("no connection of the pool has been free for"), trouble);
      taken.close();
      Awaitility.await().atMost(LIMIT).until(() -> watched.availability().trouble() == null);
    }
  }

  private record Watched(Availability availability) implements AutoCloseable {

    HealthCheckResponse.Status health() {
      return new DatabaseHealth(availability).call().getStatus();
    }

    @Override
    public void close() {
      availability.close();
    }
  }

  private Watched watch(Availability.Beside beside, Duration noPlace) {
    return new Watched(
        new Availability(
            pool,
            new SimpleMeterRegistry(),
            limit -> {
              asked.incrementAndGet();
              return beside.open(limit);
            },
            noPlace));
  }

  /** The answer to the one before the last has been noted. */
  private void awaitQuestions(int count) {
    Awaitility.await().atMost(LIMIT).until(() -> asked.get() >= count);
  }

  private static Connection fail(String message, String state) throws SQLException {
    throw new SQLException(message, state);
  }
}
