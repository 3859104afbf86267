package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** docker-compose.yml says only what the service understands; {@link KubernetesTest} has k8s/. */
class DeploymentTest {

  private static final YAMLMapper YAML = new YAMLMapper();

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
  void compose_starts_each_part_when_those_before_it_are_well_and_bounds_it() throws IOException {
    JsonNode compose = YAML.readTree(Path.of("docker-compose.yml").toFile());
    JsonNode services = compose.get("services");
    assertEquals(
        Set.of("postgres", "kafka", "tracker", "simulator", "prometheus", "grafana"),
        names(services));
    Set<String> faults = new TreeSet<>();
    for (String name : names(services)) {
      JsonNode service = services.get(name);
      boolean ours = service.has("build");
      if (!service.get("image").asText().matches(".+:v?[0-9]+\\.[0-9]+(\\.[0-9]+)?")) {
        faults.add(name + " has no version");
      }
      if (ours != service.get("image").asText().matches("kling-.+:0\\.1\\.0")) {
        faults.add(name + " has another's image");
      }
      for (String part : Set.of("healthcheck", "mem_limit", "restart")) {
        if (!service.has(part)) {
          faults.add(name + " has no " + part);
        }
      }
      service
          .path("depends_on")
          .fields()
          .forEachRemaining(
              before -> {
                if (!services.has(before.getKey())
                    || !before.getValue().get("condition").asText().equals("service_healthy")) {
                  faults.add(name + " does not wait for " + before);
                }
                boolean optional = !before.getValue().path("required").asBoolean(true);
                boolean apart =
                    !services
                        .get(before.getKey())
                        .path("profiles")
                        .equals(service.path("profiles"));
                if (services.get(before.getKey()).has("profiles") && apart && !optional) {
                  faults.add(name + " needs a profile for " + before.getKey());
                }
              });
      for (JsonNode port : service.path("ports")) {
        if (!port.asText().startsWith("127.0.0.1:")) {
          faults.add(name + " is open to others at " + port);
        }
      }
      for (JsonNode volume : service.path("volumes")) {
        String from = volume.asText().substring(0, volume.asText().indexOf(':'));
        boolean there =
            from.startsWith("./")
                ? Files.exists(Path.of(from)) && volume.asText().endsWith(":ro")
                : compose.get("volumes").has(from);
        if (!there) {
          faults.add(name + " has no " + volume);
        }
      }
    }
    assertEquals(Set.of(), faults);
    assertEquals("simulator", services.at("/simulator/profiles/0").asText());
    assertEquals(services.at("/prometheus/profiles"), services.at("/grafana/profiles"));
  }

  /** Prometheus finds the rules where its start writes them, and the job has the alarms' name. */
  @Test
  void compose_s_prometheus_reads_the_rules() throws IOException {
    JsonNode services = YAML.readTree(Path.of("docker-compose.yml").toFile()).get("services");
    JsonNode prometheus = YAML.readTree(Path.of("src/local/docker/prometheus.yml").toFile());
    String start = services.at("/prometheus/entrypoint/2").asText();
    assertTrue(start.contains(">" + prometheus.at("/rule_files/0").asText()), start);
    assertTrue(start.contains("sed -n '/^  groups:/,$$ s/^  //p' "), start);
    JsonNode job = prometheus.at("/scrape_configs/0");
    assertEquals("kling-task-tracker", job.get("job_name").asText());
    assertEquals("/q/metrics", job.get("metrics_path").asText());
    assertEquals("tracker:8080", job.at("/static_configs/0/targets/0").asText());
    JsonNode dashboards =
        YAML.readTree(Path.of("src/local/docker/grafana/dashboards.yaml").toFile());
    assertEquals("/dashboards", dashboards.at("/providers/0/options/path").asText());
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
    YAML.readTree(Path.of("k8s/base/secret.example.yaml").toFile())
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

  private static Set<String> names(JsonNode environment) {
    Set<String> names = new TreeSet<>();
    environment.fieldNames().forEachRemaining(names::add);
    assertTrue(!names.isEmpty(), "no settings found");
    return names;
  }

  /** Fails for a variable that sets nothing. */
  static void assertKnown(Set<String> environment) {
    KnownSettings known = KnownSettings.of(StartupCheck.MAPPINGS);
    Set<String> unknown = new TreeSet<>(environment);
    unknown.removeIf(name -> PLATFORM.contains(name) || known.isVariable(name));
    assertEquals(Set.of(), unknown);
  }
}
