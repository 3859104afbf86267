package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithName;
import io.smallrye.config.WithParentName;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** docker-compose.yml and k8s/ say only what the service understands. */
class DeploymentTest {

  private static final YAMLMapper YAML = new YAMLMapper();

  /** Settings of the platform that we promise; all others stand in our own mappings. */
  private static final Set<String> PLATFORM =
      Set.of(
          "quarkus.datasource.jdbc.url",
          "quarkus.datasource.username",
          "quarkus.datasource.password",
          "quarkus.http.port",
          "kafka.bootstrap.servers");

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
      assertEquals("kling-task-tracker", kubernetes(file).at("/metadata/name").asText(), file);
    }
    JsonNode pod = kubernetes("deployment.yaml").at("/spec/template");
    JsonNode labels = pod.at("/metadata/labels");
    assertEquals(labels, kubernetes("service.yaml").at("/spec/selector"));
    assertEquals(labels, kubernetes("pdb.yaml").at("/spec/selector/matchLabels"));
    JsonNode container = pod.at("/spec/containers/0");
    assertEquals("/q/health/started", container.at("/startupProbe/httpGet/path").asText());
    assertEquals("/q/health/live", container.at("/livenessProbe/httpGet/path").asText());
    assertEquals("/q/health/ready", container.at("/readinessProbe/httpGet/path").asText());
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
    Set<String> known = new TreeSet<>(PLATFORM);
    for (Class<?> mapping : StartupCheck.MAPPINGS) {
      collect(mapping.getAnnotation(ConfigMapping.class).prefix(), mapping, known);
    }
    List<Pattern> patterns = known.stream().map(DeploymentTest::environmentName).toList();
    Set<String> unknown = new TreeSet<>(environment);
    unknown.removeIf(name -> patterns.stream().anyMatch(p -> p.matcher(name).matches()));
    assertEquals(Set.of(), unknown);
  }

  private static Pattern environmentName(String key) {
    return Pattern.compile(
        key.replaceAll("[^a-zA-Z0-9*]", "_").toUpperCase(Locale.ROOT).replace("*", "[A-Z0-9_]+"));
  }

  private static void collect(String prefix, Class<?> type, Set<String> keys) {
    for (Method getter : type.getMethods()) {
      if (Modifier.isAbstract(getter.getModifiers())) {
        collect(name(prefix, getter), getter.getGenericReturnType(), keys);
      }
    }
  }

  private static void collect(String key, Type type, Set<String> keys) {
    if (type instanceof ParameterizedType generic && generic.getRawType() == Map.class) {
      collect(key + ".*", generic.getActualTypeArguments()[1], keys);
    } else if (type instanceof Class<?> group
        && group.isInterface()
        && group.getName().startsWith("io.klingtracker.")) {
      collect(key, group, keys);
    } else {
      keys.add(key);
    }
  }

  private static String name(String prefix, Method getter) {
    if (getter.isAnnotationPresent(WithParentName.class)) {
      return prefix;
    }
    WithName given = getter.getAnnotation(WithName.class);
    String name =
        given != null
            ? given.value()
            : getter.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    return prefix + "." + name;
  }
}
