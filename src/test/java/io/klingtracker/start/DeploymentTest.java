package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.klingtracker.testing.Settings;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** docker-compose.yml and k8s/ say only what the service understands. */
class DeploymentTest {

  private static final YAMLMapper YAML = new YAMLMapper();

  /** {@code WorkLoop.stop} waits for so long. */
  private static final long LAST_ROUND_SECONDS = 10;

  /** Settings of the platform that we promise; all others are in our own mappings. */
  private static final Set<String> PLATFORM =
      Set.of(
          "QUARKUS_DATASOURCE_JDBC_URL",
          "QUARKUS_DATASOURCE_USERNAME",
          "QUARKUS_DATASOURCE_PASSWORD",
          "QUARKUS_HTTP_PORT",
          "KAFKA_BOOTSTRAP_SERVERS");

  @Test
  void compose_sets_only_what_the_service_knows() throws IOException {
    JsonNode services = YAML.readTree(Path.of("docker-compose.yml").toFile()).get("services");

    assertKnown(names(services.at("/tracker/environment")));
    assertEquals("simulator", services.at("/simulator/profiles/0").asText());
    for (JsonNode service : services) {
      String dockerfile = service.at("/build/dockerfile").asText("pom.xml");
      assertTrue(Files.exists(Path.of(dockerfile)), dockerfile);
    }
  }

  @Test
  void compose_demands_its_secrets_and_the_simulator_s_file_has_them() throws IOException {
    String compose = Files.readString(Path.of("docker-compose.yml"));
    Properties simulator = new Properties();
    try (Reader file = Files.newBufferedReader(Path.of("src/local/docker/simulator.env"))) {
      simulator.load(file);
    }
    Set<String> demanded = new TreeSet<>();
    Matcher variable = Pattern.compile("\\$\\{([A-Z_]+):\\?").matcher(compose);
    while (variable.find()) {
      demanded.add(variable.group(1));
    }
    assertEquals(
        Set.of("POSTGRES_PASSWORD", "TRACKER_ADMIN_KEY", "TRACKER_API_KEY", "TRACKER_SECRET"),
        demanded);
    assertTrue(simulator.stringPropertyNames().containsAll(demanded), simulator.toString());
    assertFalse(Pattern.compile("(SECRET|KEY|PASSWORD):-[^}]").matcher(compose).find(), compose);
    for (String name : simulator.stringPropertyNames()) {
      if (name.matches(".*(SECRET|KEY|PASSWORD)")) {
        assertTrue(SecretCheck.isExample(simulator.getProperty(name)), name);
      }
    }
  }

  @Test
  void every_secret_in_the_documents_is_a_known_example() throws IOException {
    kubernetes("secret.example.yaml")
        .get("stringData")
        .forEach(value -> assertTrue(SecretCheck.isExample(value.asText()), value.asText()));
    Matcher secret =
        Pattern.compile(
                "\\b(local-(?:dev-key|access|admin-key|secret-\\w+|tracker-secret\\S+)|whsec_\\w{20,})\\b")
            .matcher(
                Documents.all().stream().map(Documents::text).collect(Collectors.joining())
                    + Files.readString(
                        Path.of("src/local/java/io/klingtracker/local/LocalSettings.java")));
    Set<String> seen = new TreeSet<>();
    while (secret.find()) {
      seen.add(secret.group(1));
    }
    assertTrue(seen.size() >= 6, seen.toString());
    seen.removeIf(SecretCheck::isExample);
    assertEquals(Set.of(), seen);
  }

  @Test
  void kubernetes_sets_only_what_the_service_knows() throws IOException {
    for (String file : new String[] {"configmap.yaml", "secret.example.yaml"}) {
      JsonNode object = kubernetes(file);
      assertKnown(names(object.has("data") ? object.get("data") : object.get("stringData")));
    }
  }

  @Test
  void kubernetes_objects_belong_together() throws IOException {
    List<String> listed = new ArrayList<>();
    kubernetes("kustomization.yaml").get("resources").forEach(r -> listed.add(r.asText()));
    for (String file : listed) {
      String name = kubernetes(file).at("/metadata/name").asText();
      assertEquals(
          file.startsWith("operator") ? "kling-task-tracker-operator" : "kling-task-tracker", name);
    }
    JsonNode pod = kubernetes("deployment.yaml").at("/spec/template");
    JsonNode labels = pod.at("/metadata/labels");
    assertEquals(labels, kubernetes("service.yaml").at("/spec/selector"));
    assertEquals(labels, kubernetes("operator-service.yaml").at("/spec/selector"));
    assertEquals(labels, kubernetes("pdb.yaml").at("/spec/selector/matchLabels"));
    JsonNode container = pod.at("/spec/containers/0");
    assertEquals("/q/health/started", container.at("/startupProbe/httpGet/path").asText());
    assertEquals("/q/health/live", container.at("/livenessProbe/httpGet/path").asText());
    assertEquals("/q/health/ready", container.at("/readinessProbe/httpGet/path").asText());
  }

  @Test
  void a_pod_has_the_time_that_its_start_and_its_end_may_take() throws IOException {
    JsonNode pod = kubernetes("deployment.yaml").at("/spec/template/spec");
    JsonNode container = pod.at("/containers/0");
    JsonNode startup = container.get("startupProbe");
    Duration start =
        Duration.ofSeconds(
            startup.get("periodSeconds").asLong() * startup.get("failureThreshold").asLong());
    assertTrue(start.compareTo(Settings.of(StartConfig.class, Map.of()).most()) > 0, "start");

    assertEquals("sleep", container.at("/lifecycle/preStop/exec/command/0").asText());
    Properties defaults = new Properties();
    try (Reader in =
        Files.newBufferedReader(Path.of("src/main/resources/application.properties"))) {
      defaults.load(in);
    }
    assertEquals("true", defaults.getProperty("quarkus.shutdown.delay-enabled"));
    long end =
        container.at("/lifecycle/preStop/exec/command/1").asLong()
            + seconds(defaults, "%prod.quarkus.shutdown.delay")
            + seconds(defaults, "quarkus.shutdown.timeout")
            + LAST_ROUND_SECONDS;
    assertTrue(pod.get("terminationGracePeriodSeconds").asLong() > end, "end");
  }

  private static long seconds(Properties defaults, String key) {
    return Long.parseLong(defaults.getProperty(key).replaceFirst("s$", ""));
  }

  @Test
  void what_is_for_operators_has_a_port_that_the_public_service_does_not_lead_to()
      throws IOException {
    String port = kubernetes("configmap.yaml").at("/data/TRACKER_OPERATOR_PORT").asText();
    JsonNode pod = kubernetes("deployment.yaml").at("/spec/template");
    assertEquals(port, pod.at("/metadata/annotations/prometheus.io~1port").asText());
    assertEquals("operator", pod.at("/spec/containers/0/ports/1/name").asText());
    assertEquals(port, pod.at("/spec/containers/0/ports/1/containerPort").asText());
    JsonNode service = kubernetes("service.yaml").at("/spec/ports");
    assertEquals(1, service.size());
    assertEquals("http", service.at("/0/targetPort").asText());
    JsonNode operators = kubernetes("operator-service.yaml").at("/spec/ports");
    assertEquals("operator", operators.at("/0/targetPort").asText());
    assertEquals(port, operators.at("/0/port").asText());
    assertEquals("false", pod.at("/spec/enableServiceLinks").asText());
  }

  private static JsonNode kubernetes(String file) throws IOException {
    return YAML.readTree(Path.of("k8s", file).toFile());
  }

  private static Set<String> names(JsonNode environment) {
    Set<String> names = new TreeSet<>();
    environment.fieldNames().forEachRemaining(names::add);
    assertTrue(!names.isEmpty(), "no settings found");
    return names;
  }

  private static void assertKnown(Set<String> environment) {
    KnownSettings known = KnownSettings.of(StartupCheck.MAPPINGS);
    Set<String> unknown = new TreeSet<>(environment);
    unknown.removeIf(name -> PLATFORM.contains(name) || known.isVariable(name));
    assertEquals(Set.of(), unknown);
  }
}
