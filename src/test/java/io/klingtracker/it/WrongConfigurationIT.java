package io.klingtracker.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.testing.TrackerStack;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A configuration that cannot work stops the packaged service at once, in one line. */
class WrongConfigurationIT {

  private static final Map<String, String> GOOD =
      Map.of(
          "quarkus.datasource.jdbc.url", "jdbc:postgresql://localhost:1/nowhere",
          "kafka.bootstrap.servers", "localhost:1",
          "tracker.secret", "0123456789abcdef0123456789abcdef",
          "tracker.public-url", "http://localhost:1",
          "kling.accounts.default.api-key", "0a1b2c3d4e5f6g7h");

  @ParameterizedTest
  @CsvSource({
    "tracker.secret, ",
    "tracker.secret, short",
    "tracker.public-url, nowhere",
    "kafka.bootstrap.servers, ",
    "tracker.admin-key, x",
    "kling.accounts.default.api-key, local-dev-key",
    "kling.accounts.default.max-parallel, 0",
    "kling.accounts.default.max-parallel, many",
    "kling.timeout.read, soon",
    "quarkus.http.port, abc",
    "quarkus.datasource.jdbc.max-size, many",
    "quarkus.shutdown.delay, soon",
    "quarkus.log.level, LOUD"
  })
  void stops_with_one_line_that_names_the_key(
      String key, @org.jspecify.annotations.Nullable String value) {
    try (ServiceProcess service = new ServiceProcess(new HashMap<>(GOOD)).with(key, value)) {
      int exit = service.startAndEnd();
      String log = service.log();

      assertEquals(1, exit, log);
      assertEquals(1, log.lines().count(), log);
      assertTrue(log.contains(key), log);
    }
  }

  @Test
  void a_schema_of_other_migrations_is_one_line() throws SQLException {
    Map<String, String> config = TrackerStack.config("tracker_other_schema");
    String url = config.get("quarkus.datasource.jdbc.url");
    try (Connection connection = DriverManager.getConnection(url, EmbeddedPostgresServer.USER, "");
        Statement statement = connection.createStatement()) {
      statement.execute(
          """
          create table flyway_schema_history (installed_rank int primary key, version varchar(50),
            description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_by varchar(100),
            installed_on timestamp default now(), execution_time int, success boolean);
          insert into flyway_schema_history values
            (1, '1', 'tenant', 'SQL', 'V1__tenant.sql', 1, 'somebody', now(), 1, true),
            (2, '20', 'dispatch', 'SQL', 'V20__dispatch.sql', 20, 'somebody', now(), 1, true)
          """);
    }
    try (ServiceProcess service = new ServiceProcess(config)) {
      int exit = service.startAndEnd();
      String log = service.log();

      assertEquals(1, exit, log);
      assertEquals(1, log.lines().count(), log);
      assertTrue(log.contains("drop schema public cascade"), log);
    }
  }
}
