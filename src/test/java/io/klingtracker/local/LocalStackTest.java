package io.klingtracker.local;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalStackTest {

  @TempDir private Path directory = Path.of("");

  private final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void freePorts() {
    for (String port :
        new String[] {
          "LOCAL_POSTGRES_PORT",
          "LOCAL_KAFKA_PORT",
          "LOCAL_SIMULATOR_PORT",
          "LOCAL_SIMULATOR_CONTROL_PORT",
          "QUARKUS_HTTP_PORT"
        }) {
      environment.put(port, Integer.toString(FreePort.find()));
    }
  }

  private LocalStack stack() {
    return new LocalStack(new LocalSettings(key -> null, environment, directory));
  }

  @Test
  void starts_everything_twice_on_the_same_data() {
    for (int run = 0; run < 2; run++) {
      LocalStack stack = stack();
      stack.start();
      try {
        assertTrue(
            stack
                .config()
                .keySet()
                .containsAll(
                    java.util.Set.of(
                        "quarkus.datasource.jdbc.url",
                        "kafka.bootstrap.servers",
                        "kling.accounts.default.base-url",
                        "tracker.secret",
                        "tracker.public-url")),
            () -> stack.config().keySet().toString());
        assertEquals("localhost", stack.config().get("quarkus.http.host"));
        assertOnLoopbackAlone();
      } finally {
        stack.close();
      }
    }
  }

  /** What listens on all addresses also answers on another one of loopback. */
  private void assertOnLoopbackAlone() {
    for (String name : environment.keySet()) {
      int port = Integer.parseInt(environment.get(name));
      if (name.startsWith("LOCAL_")) {
        assertThrows(
            java.io.IOException.class,
            () -> new java.net.Socket(InetAddress.getByName("127.0.0.2"), port).close(),
            name);
      }
    }
  }

  @Test
  void what_the_user_names_is_not_started_or_set() {
    environment.put("QUARKUS_DATASOURCE_JDBC_URL", "jdbc:postgresql://elsewhere/tracker");
    environment.put("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092");
    environment.put("KLING_ACCOUNTS_DEFAULT_BASE_URL", "https://api-singapore.klingai.com");
    environment.put("TRACKER_ADMIN_KEY", "mine");
    LocalStack stack = stack();
    stack.start();
    Map<String, String> config = stack.config();

    assertFalse(stack.close(), "nothing was needed");
    assertFalse(config.containsKey("quarkus.datasource.jdbc.url"), config.toString());
    assertFalse(config.containsKey("kafka.bootstrap.servers"), config.toString());
    assertFalse(config.containsKey("kling.accounts.default.access-key"), config.toString());
    assertFalse(config.containsKey("tracker.admin-key"), config.toString());
  }

  @Test
  void a_busy_port_is_named_with_its_setting() throws Exception {
    try (ServerSocket busy = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      environment.put("LOCAL_KAFKA_PORT", Integer.toString(busy.getLocalPort()));
      LocalStack stack = stack();
      LocalProblem problem = assertThrows(LocalProblem.class, stack::start);
      stack.close();

      assertEquals(
          "Port "
              + busy.getLocalPort()
              + ", needed for Kafka, is in use. Stop what listens there, or set local.kafka-port.",
          problem.line());
    }
  }

  @Test
  void a_senseless_port_is_named_with_its_setting() {
    environment.put("LOCAL_KAFKA_PORT", "many");
    LocalStack stack = stack();
    LocalProblem problem = assertThrows(LocalProblem.class, stack::start);
    stack.close();

    assertEquals("local.kafka-port must be 1 to 65535, not many", problem.line());
  }

  @Test
  void data_is_beside_the_pom_wherever_the_process_runs() throws Exception {
    Path deep = Files.createDirectories(directory.resolve("target/local"));
    Files.createFile(directory.resolve("pom.xml"));

    assertEquals(
        directory.resolve(".local"), new LocalSettings(key -> null, environment, deep).directory());
  }
}
