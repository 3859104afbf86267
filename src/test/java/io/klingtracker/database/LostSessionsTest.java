package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.agroal.api.security.NamePrincipal;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.SQLException;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A small pool, set up as the service's, and sessions that come to nothing. */
class LostSessionsTest {

  private static final int SIZE = 3;

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private AgroalDataSource pool;
  private Jdbi jdbi;

  @BeforeEach
  void given() throws SQLException {
    pool =
        AgroalDataSource.from(
            new AgroalDataSourceConfigurationSupplier()
                .connectionPoolConfiguration(
                    settings ->
                        settings
                            .maxSize(SIZE)
                            .acquisitionTimeout(Duration.ofSeconds(2))
                            .exceptionSorter(PoolSetup.sorter())
                            .connectionFactoryConfiguration(
                                factory ->
                                    factory
                                        .jdbcUrl(DATABASE.jdbcUrl())
                                        .principal(new NamePrincipal(EmbeddedPostgresServer.USER))
                                        .initialSql(SessionSettings.sql()))));
    jdbi = JdbiProducer.over(pool);
  }

  @AfterEach
  void end() {
    pool.close();
  }

  @Test
  void a_session_that_is_discarded_gives_its_place_back() {
    for (int i = 0; i < 3 * SIZE; i++) {
      Handle session = LongSessions.open(jdbi);
      terminate(session);
      LongSessions.discard(session);
      Handle sound = LongSessions.open(jdbi);
      LongSessions.discard(sound);
    }
    everyPlaceServes();
  }

  @Test
  void a_session_that_is_ended_while_the_pool_has_it_costs_no_place() {
    for (int i = 0; i < 3 * SIZE; i++) {
      try (Handle session = jdbi.open()) {
        terminate(session);
        assertThrows(JdbiException.class, () -> session.execute("select 1"));
      }
    }
    everyPlaceServes();
  }

  @Test
  void a_session_that_became_read_only_is_replaced() {
    try (Handle session = jdbi.open()) {
      session.execute("set session characteristics as transaction read only");
      JdbiException refused =
          assertThrows(JdbiException.class, () -> session.execute("create table never ()"));
      assertTrue(SqlStates.isDatabaseAway(refused));
      assertThrows(IllegalStateException.class, () -> LongSessions.requireWritable(session));
    }
    everyPlaceServes();
  }

  @Test
  void sessions_are_bounded() {
    assertEquals("15s", setting(jdbi.open(), "statement_timeout"));
    assertEquals("3s", setting(jdbi.open(), "lock_timeout"));
    assertEquals("0", setting(LongSessions.open(jdbi), "idle_session_timeout"));
  }

  @Test
  void readiness_says_that_it_is_read_only_and_that_it_writes_again() {
    Availability availability =
        new Availability(
            pool, new SimpleMeterRegistry(), limit -> pool.getConnection(), Duration.ofHours(1));
    try {
      Awaitility.await().untilAsserted(() -> assertNull(availability.trouble()));
      readOnly("set default_transaction_read_only = on");
      pool.flush(AgroalDataSource.FlushMode.ALL);
      Awaitility.await()
          .untilAsserted(() -> assertEquals("it is read-only", availability.trouble()));
      readOnly("reset default_transaction_read_only");
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .untilAsserted(() -> assertNull(availability.trouble()));
    } finally {
      availability.close();
    }
    everyPlaceServes();
  }

  private static String setting(Handle handle, String name) {
    try (handle) {
      return handle.createQuery("show " + name).mapTo(String.class).one();
    }
  }

  private static void terminate(Handle session) {
    int pid = session.createQuery("select pg_backend_pid()").mapTo(Integer.class).one();
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle
                    .createQuery("select pg_terminate_backend(?, 10000)")
                    .bind(0, pid)
                    .mapToMap()
                    .list());
  }

  private static void readOnly(String change) {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              String name =
                  handle.createQuery("select current_database()").mapTo(String.class).one();
              handle.execute("alter database " + name + " " + change);
            });
  }

  /** All places at once, each with a session that writes. */
  private void everyPlaceServes() {
    Handle[] all = new Handle[SIZE];
    for (int i = 0; i < SIZE; i++) {
      all[i] = jdbi.open();
      assertEquals(
          "off", all[i].createQuery("show transaction_read_only").mapTo(String.class).one());
    }
    for (Handle one : all) {
      one.close();
    }
  }
}
