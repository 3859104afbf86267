package io.klingtracker.local;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a local run, by system property or environment as anywhere in the service: {@code
 * local.postgres-port} is also {@code LOCAL_POSTGRES_PORT}.
 */
final class LocalSettings {

  static final String API_KEY = "local-dev-key";
  static final String ACCESS_KEY = "local-access";
  static final String SECRET_KEY = "local-secret-0123456789abcdef";
  static final String ADMIN_KEY = "local-admin-key";
  static final String WEBHOOK_SECRET = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi";

  /** Not secret: it guards nothing but a simulated account on loopback. */
  static final String TRACKER_SECRET = "local-tracker-secret-0123456789abcdef0123456789";

  private final UnaryOperator<@Nullable String> properties;
  private final Map<String, String> environment;
  private final Path workingDirectory;

  LocalSettings(
      UnaryOperator<@Nullable String> properties,
      Map<String, String> environment,
      Path workingDirectory) {
    this.properties = properties;
    this.environment = environment;
    this.workingDirectory = workingDirectory;
  }

  static LocalSettings ofProcess() {
    return new LocalSettings(System::getProperty, System.getenv(), Path.of(""));
  }

  /** What the user set, looked up as the service's own configuration is. */
  Optional<String> get(String key) {
    String name = key.replaceAll("[^a-zA-Z0-9]", "_");
    String value = properties.apply(key);
    for (String candidate : new String[] {key, name, name.toUpperCase(Locale.ROOT)}) {
      value = value == null ? environment.get(candidate) : value;
    }
    return Optional.ofNullable(value).filter(v -> !v.isBlank());
  }

  boolean has(String key) {
    return get(key).isPresent();
  }

  int postgresPort() {
    return port("local.postgres-port", 15432);
  }

  int kafkaPort() {
    return port("local.kafka-port", 19092);
  }

  int simulatorPort() {
    return port("local.simulator-port", 18090);
  }

  int simulatorControlPort() {
    return port("local.simulator-control-port", 18091);
  }

  int servicePort() {
    return port("quarkus.http.port", 8080);
  }

  /** How long the simulator renders, ms. */
  int renderMillis() {
    return number("local.render-millis", 5000, 1, 24 * 60 * 60 * 1000);
  }

  private int port(String key, int byDefault) {
    return number(key, byDefault, 1, 65535);
  }

  private int number(String key, int byDefault, int min, int max) {
    String value = get(key).orElse(Integer.toString(byDefault));
    if (!value.matches("[0-9]{1,9}")
        || Integer.parseInt(value) < min
        || Integer.parseInt(value) > max) {
      throw new LocalProblem(key + " must be " + min + " to " + max + ", not " + value);
    }
    return Integer.parseInt(value);
  }

  /** Where the data is: {@code .local} beside the pom.xml, wherever the process was started. */
  Path directory() {
    Path here = workingDirectory.toAbsolutePath();
    Path root = here;
    while (root != null && !Files.exists(root.resolve("pom.xml"))) {
      root = root.getParent();
    }
    Path base = root == null ? here : root;
    return base.resolve(get("local.directory").orElse(".local")).normalize();
  }
}
