package io.klingtracker.testing;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.FreePort;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorClient;
import io.klingtracker.simulator.SimulatorSettings;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * PostgreSQL, Kafka and the simulator for {@code @QuarkusTest} stories, shared by the whole run,
 * and the configuration that points the service at them.
 */
public final class TrackerStack implements QuarkusTestResourceLifecycleManager {

  /** {@code tracker.admin-key} of tests. */
  public static final String ADMIN_KEY = "test-admin-key";

  /** {@code tracker.secret} of tests. */
  public static final String SECRET = "test-secret-0123456789abcdef0123456789abcdef";

  /** The pair with which the simulator expects tokens to be signed. */
  public static final String KLING_ACCESS_KEY = "kling-test-access";

  /** See {@link #KLING_ACCESS_KEY}. */
  public static final String KLING_SECRET_KEY = "kling-test-secret-0123456789abcdef";

  /** The API key of the test tenant. */
  public static final String API_KEY = "test-api-key-0001";

  /** An API key that the simulator takes. */
  public static final String KLING_API_KEY = "kling-test-api-key";

  /** What stories lay over the built-in catalogue, and take away again. */
  public static final Path CATALOG = Path.of("target", "stories-catalog.yaml").toAbsolutePath();

  /** Where stories' results are copied to. */
  public static final Path CUSTODY = Path.of("target", "stories-custody").toAbsolutePath();

  private static final int SLOTS = 5;
  private static final Duration SUBMITTED_FOR = Duration.ofMillis(50);
  private static final Duration RENDERS_FOR = Duration.ofMillis(150);
  private static final String DATABASE = "tracker_stories";

  @Override
  public Map<String, String> start() {
    // Kling calls back to the service, so its port must be known before it starts.
    String port = SharedServers.once("http.port", () -> Integer.toString(FreePort.find()));
    Map<String, String> config = config(DATABASE);
    config.put("quarkus.http.test-port", port);
    config.put("tracker.catalog.file", emptyCatalog().toString());
    // Whatever day it is.
    config.put("kling.discontinued-models", "kling-v1");
    config.put("tracker.public-url", "http://localhost:" + port);
    config.put("tracker.custody.url", CUSTODY.toUri().toString());
    // Off by default; what it does where it is on is tried here.
    config.put("quarkus.http.http2", "true");
    config.put("quarkus.oidc.tenant-enabled", "true");
    config.put("quarkus.oidc.auth-server-url", IdentityProvider.url());
    config.put("quarkus.oidc.token.audience", IdentityProvider.AUDIENCE);
    return config;
  }

  /**
   * What a service needs to know to use these servers, but for its own URL.
   *
   * @param database made on first use
   */
  public static Map<String, String> config(String database) {
    SharedServers.postgresOnce(
        database, () -> SharedServers.executeSql("create database " + database));
    Map<String, String> config = new HashMap<>();
    config.put("quarkus.datasource.jdbc.url", SharedServers.postgresUrl(database));
    config.put("quarkus.datasource.username", EmbeddedPostgresServer.USER);
    config.put("quarkus.datasource.password", "");
    config.put(
        "quarkus.datasource.jdbc.new-connection-sql",
        "set time zone '" + TestDatabase.ODD_TIME_ZONE + "'");
    config.put("kafka.bootstrap.servers", kafkaBootstrapServers());
    config.put("kling.accounts.default.base-url", klingUrl());
    config.put("kling.result-hosts", "localhost");
    // Renders take a fraction of a second here.
    config.put("tracker.check.first", "5s");
    config.put("kling.accounts.default.access-key", KLING_ACCESS_KEY);
    config.put("kling.accounts.default.secret-key", KLING_SECRET_KEY);
    // The newer generation takes API keys only.
    config.put("kling.accounts.default.api-key", KLING_API_KEY);
    config.put("tracker.secret", SECRET);
    config.put("tracker.admin-key", ADMIN_KEY);
    config.put("tracker.bootstrap.tenant", "test");
    config.put("tracker.bootstrap.api-key", API_KEY);
    config.put("tracker.webhook.allow-private", "true");
    // Receivers of stories that are on no machine have no address either: nothing asks outside.
    config.put(
        "tracker.webhook.dns-server",
        SharedServers.once("dns.server", () -> new NoSuchName().address()));
    return config;
  }

  private static Path emptyCatalog() {
    try {
      return Files.writeString(CATALOG, "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void stop() {
    // The servers outlive the tests of one Quarkus: starting them is what takes time.
  }

  /** The simulator, to order faults and read its ledger; reset it between stories. */
  public static SimulatorClient simulator() {
    return new SimulatorClient(simulatorControlUrl());
  }

  /** Where faults are ordered and the ledger is read. */
  public static String simulatorControlUrl() {
    klingUrl();
    return SharedServers.once("kling.control", () -> "");
  }

  /** Base URL of the simulator. */
  public static String klingUrl() {
    return SharedServers.once(
        "kling.url",
        () -> {
          KlingSimulator simulator =
              new KlingSimulator(
                      new SimulatorSettings()
                          .account("default", KLING_ACCESS_KEY, KLING_SECRET_KEY)
                          .apiKey("default", KLING_API_KEY)
                          .slots(SLOTS)
                          .renderTimes(SUBMITTED_FOR, RENDERS_FOR)
                          .callbackTries(3, Duration.ofSeconds(5), Duration.ofMillis(200)))
                  .start();
          SharedServers.once("kling.control", simulator::controlUrl);
          return simulator.url();
        });
  }

  /** Where consumers of a test connect to. */
  public static String kafkaBootstrapServers() {
    return SharedServers.kafka();
  }

  /** JDBC URL of the service's database. */
  public static String jdbcUrl() {
    return SharedServers.postgresUrl(DATABASE);
  }

  /** Takes the broker away, as in an outage; its data and port stay. */
  public static void stopKafka() {
    SharedServers.run("kafka.stop");
  }

  /** Brings the broker back. */
  public static void startKafka() {
    SharedServers.run("kafka.start");
  }
}
