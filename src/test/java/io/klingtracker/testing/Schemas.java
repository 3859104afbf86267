package io.klingtracker.testing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Set;

/** The published JSON Schemas; tests check every event and every state they see. */
public final class Schemas {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonSchema EVENT = schema("task-status-changed.v1.json");
  private static final JsonSchema ERASED = schema("task-erased.v1.json");
  private static final JsonSchema EXPIRING = schema("task-result-expiring.v1.json");
  private static final JsonSchema HOST = schema("webhook-host.v1.json");
  private static final JsonSchema TASK = schema("task.v1.json");

  private Schemas() {}

  /** Fails unless the text is a task's event as published, of whatever type; returns it read. */
  public static JsonNode event(String text) {
    return check(
        text.contains("\"kling.task.erased.v1\"")
            ? ERASED
            : text.contains("\"kling.task.result-expiring.v1\"") ? EXPIRING : EVENT,
        text);
  }

  /** Fails unless the text is the event of an erasure as published; returns it read. */
  public static JsonNode erased(String text) {
    return check(ERASED, text);
  }

  /** Fails unless the text is the event of a result about to end as published; returns it read. */
  public static JsonNode expiring(String text) {
    return check(EXPIRING, text);
  }

  /** Fails unless the text is a task as published; returns it read. */
  public static JsonNode task(String text) {
    return check(TASK, text);
  }

  /** Fails unless the text is a webhook host's change as published; returns it read. */
  public static JsonNode host(String text) {
    return check(HOST, text);
  }

  private static JsonNode check(JsonSchema schema, String text) {
    try {
      JsonNode value = JSON.readTree(text);
      Set<ValidationMessage> faults = schema.validate(value);
      if (!faults.isEmpty()) {
        throw new AssertionError(faults + " in " + text);
      }
      return value;
    } catch (JsonProcessingException e) {
      throw new AssertionError("not JSON: " + text, e);
    }
  }

  private static JsonSchema schema(String name) {
    try (InputStream text =
        Schemas.class.getResourceAsStream("/META-INF/resources/schemas/" + name)) {
      return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
          .getSchema(text, SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
