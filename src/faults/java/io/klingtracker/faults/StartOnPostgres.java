package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.local.ServiceProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * A start at a PostgreSQL that is away, does not let the service in, gives it too few rights, or is
 * spoken to over TLS. Kafka is away all the while, which a start does not mind.
 */
@Field
final class StartOnPostgres {

  private static final Duration LIMIT = Duration.ofSeconds(120);
  private static final String PASSWORD = "field-0123456789";

  private static DebianPostgres postgres;

  @BeforeAll
  static void given() {
    postgres = DebianPostgres.primary(Map.of("password_encryption", "scram-sha-256"));
    postgres.execute("postgres", "create role tracker login password '" + PASSWORD + "'");
    postgres.execute("postgres", "create role stranger login password '" + PASSWORD + "'");
    postgres.execute("postgres", "create database tracker owner tracker");
    postgres.execute("postgres", "create database foreign_one");
    postgres.admit(
        "host all postgres 127.0.0.1/32 trust", "host all all 127.0.0.1/32 scram-sha-256");
    postgres.reload();
  }

  @AfterAll
  static void end() {
    if (postgres != null) {
      postgres.close();
    }
  }

  private static ServiceProcess service(String url) {
    return new ServiceProcess(
            Map.of(
                "quarkus.datasource.jdbc.url",
                url,
                "quarkus.datasource.username",
                "tracker",
                "quarkus.datasource.password",
                PASSWORD,
                "kafka.bootstrap.servers",
                "127.0.0.1:1",
                "tracker.secret",
                Installation.SECRET,
                "kling.accounts.default.api-key",
                Servers.KLING_API_KEY,
                "kling.accounts.default.base-url",
                "http://127.0.0.1:1"))
        .jar(Run.ofProperties().jar());
  }

  private static void endsWithOneLine(ServiceProcess service, String... words) {
    int exit = service.startAndEnd();
    String log = service.log();
    assertEquals(1, exit, log);
    assertEquals(1, log.lines().count(), log);
    for (String word : words) {
      assertTrue(log.contains(word), log);
    }
    assertFalse(log.contains(PASSWORD), log);
  }

  @Test
  void a_wrong_password_is_one_line() {
    try (ServiceProcess service = service(postgres.jdbcUrl("tracker"))) {
      service.with("quarkus.datasource.password", "wrong");
      endsWithOneLine(service, "password authentication failed", "\"tracker\"");
    }
  }

  @Test
  void a_database_that_is_missing_is_one_line() {
    try (ServiceProcess service = service(postgres.jdbcUrl("nowhere"))) {
      endsWithOneLine(service, "quarkus.datasource.jdbc.url", "\"nowhere\" does not exist");
    }
  }

  @Test
  void a_right_that_is_missing_is_one_line() {
    try (ServiceProcess service = service(postgres.jdbcUrl("foreign_one"))) {
      endsWithOneLine(service, "quarkus.datasource.username", "CREATE on schema public");
    }
  }

  /** The rights that operations.md names are enough, and tables of another's are noticed. */
  @Test
  void the_owner_of_the_database_may_all_that_is_needed() {
    try (ServiceProcess service = service(postgres.jdbcUrl("tracker"))) {
      service.start();
      assertFalse(service.log().contains("permission denied"), service.log());
      service.stop();
      postgres.execute("tracker", "grant create on schema public to stranger");
      try (ServiceProcess stranger = service(postgres.jdbcUrl("tracker"))) {
        stranger.with("quarkus.datasource.username", "stranger");
        endsWithOneLine(stranger, "to own the table", "tracker");
      }
    }
  }

  @Test
  void one_that_is_away_is_waited_for() {
    DebianPostgres late = DebianPostgres.primary(Map.of());
    try (late;
        ServiceProcess service = service(late.jdbcUrl("postgres"))) {
      service.with("quarkus.datasource.username", "postgres");
      late.stop("fast");
      service.launch();
      await(() -> service.log().contains("waits for PostgreSQL"), service);
      late.start();
      service.awaitReady();
      assertFalse(service.log().contains("Exception"), service.log());
    }
  }

  @Test
  void one_that_stays_away_is_one_line_more() {
    try (ServiceProcess service = service("jdbc:postgresql://127.0.0.1:1/tracker")) {
      service.with("tracker.start.wait", "2s");
      int exit = service.startAndEnd();
      assertEquals(1, exit, service.log());
      assertTrue(service.log().contains("waited for in vain"), service.log());
      assertFalse(service.log().contains("Exception"), service.log());
    }
  }

  /** With a certificate of its own, which names localhost. */
  @Test
  void tls_is_verified() {
    DebianPostgres secured = DebianPostgres.primary(Map.of());
    try (secured) {
      Path certificate = secured.certificate("localhost");
      secured.configure(
          Map.of(
              "ssl", "on",
              "ssl_cert_file", certificate.toString(),
              "ssl_key_file", certificate.resolveSibling("server.key").toString()));
      secured.admit("hostssl all all 127.0.0.1/32 trust");
      secured.stop("fast");
      secured.start();
      String parameters = "?sslmode=verify-full&sslrootcert=" + certificate;
      try (ServiceProcess service =
          service("jdbc:postgresql://localhost:" + secured.port() + "/postgres" + parameters)) {
        service.with("quarkus.datasource.username", "postgres").start();
      }
      try (ServiceProcess mistaken =
          service("jdbc:postgresql://127.0.0.1:" + secured.port() + "/postgres" + parameters)) {
        mistaken.with("quarkus.datasource.username", "postgres").with("tracker.start.wait", "1s");
        assertEquals(1, mistaken.startAndEnd(), mistaken.log());
        assertTrue(mistaken.log().contains("127.0.0.1"), mistaken.log());
      }
    }
  }

  private static void await(BooleanSupplier holds, ServiceProcess service) {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!holds.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, service.log());
      LockSupport.parkNanos(50_000_000);
    }
  }
}
