package io.klingtracker.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.testing.Schemas;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is published may grow and never change: each schema against its last released form. */
class SchemaTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "task-status-changed.v1.json",
        "task-erased.v1.json",
        "task-result-expiring.v1.json",
        "task.v1.json",
        "webhook-host.v1.json"
      })
  void a_schema_only_grows(String name) throws IOException {
    assertEquals(
        List.of(),
        breaks("", read("/released/" + name), read("/META-INF/resources/schemas/" + name)));
  }

  @Test
  void what_would_break_a_consumer_is_noticed() throws IOException {
    JsonNode released = read("/released/task-status-changed.v1.json");
    ObjectNode removed = released.deepCopy();
    ((ObjectNode) removed.get("properties")).remove("units");
    ObjectNode retyped = released.deepCopy();
    ((ObjectNode) retyped.at("/properties/sequence")).put("type", "string");
    ObjectNode optional = released.deepCopy();
    optional.putArray("required").add("event_id");
    ObjectNode nullable = released.deepCopy();
    ((ObjectNode) nullable.at("/properties/tenant")).putArray("type").add("string").add("null");
    ObjectNode grown = released.deepCopy();
    ((ObjectNode) grown.get("properties")).putObject("more").put("type", "string");

    for (ObjectNode broken : List.of(removed, retyped, optional, nullable)) {
      assertTrue(!breaks("", released, broken).isEmpty());
    }
    assertEquals(List.of(), breaks("", released, grown));
  }

  @Test
  void an_event_that_lacks_something_does_not_pass() {
    assertThrows(AssertionError.class, () -> Schemas.event("{}"));
  }

  /** A consumer may rely on what is there, on its type and on it being there. */
  private static List<String> breaks(String at, JsonNode released, JsonNode now) {
    List<String> breaks = new ArrayList<>();
    if (now.isMissingNode()) {
      return List.of(at + " is gone");
    }
    for (String word : List.of("type", "enum")) {
      Set<String> before = words(released.path(word));
      Set<String> after = words(now.path(word));
      // A new status is a new case for a consumer; so is a type.
      if (!before.isEmpty() && !before.containsAll(after)) {
        breaks.add(at + " has another " + word + ": " + after);
      }
    }
    for (String word : List.of("pattern", "format", "const")) {
      if (released.has(word) && !released.get(word).equals(now.path(word))) {
        breaks.add(at + " has another " + word);
      }
    }
    if (!words(now.path("required")).containsAll(words(released.path("required")))) {
      breaks.add(at + " no longer promises all it did");
    }
    for (Map.Entry<String, JsonNode> property : released.path("properties").properties()) {
      breaks.addAll(
          breaks(
              at + "/" + property.getKey(),
              property.getValue(),
              now.path("properties").path(property.getKey())));
    }
    return breaks;
  }

  private static Set<String> words(JsonNode node) {
    Set<String> words = new TreeSet<>();
    if (node.isArray()) {
      node.forEach(word -> words.add(word.asText()));
    } else if (node.isTextual()) {
      words.add(node.asText());
    }
    return words;
  }

  private static JsonNode read(String resource) throws IOException {
    try (InputStream text = SchemaTest.class.getResourceAsStream(resource)) {
      return JSON.readTree(text);
    }
  }
}
