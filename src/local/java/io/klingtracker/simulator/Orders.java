package io.klingtracker.simulator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Bodies on the control port, read strictly: nonsense is named, never passed over. */
final class Orders {

  /** What a field may be. */
  enum Type {
    TEXT,
    WHOLE_NUMBER,
    NUMBER,
    OBJECT;

    String word() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private boolean fits(JsonNode value) {
      return switch (this) {
        case TEXT -> value.isTextual();
        case WHOLE_NUMBER -> value.isIntegralNumber() && value.canConvertToInt();
        case NUMBER -> value.isNumber();
        case OBJECT -> value.isObject();
      };
    }
  }

  /** One field of a body. */
  record Field(Type type, boolean required) {

    String word() {
      return type.word() + (required ? "" : ", may be left out");
    }
  }

  /** A rule's fields. */
  static final Map<String, Field> RULE =
      fields(
          "on", new Field(Type.TEXT, true),
          "task", new Field(Type.TEXT, false),
          "status", new Field(Type.TEXT, false),
          "from", new Field(Type.WHOLE_NUMBER, false),
          "times", new Field(Type.WHOLE_NUMBER, false),
          "probability", new Field(Type.NUMBER, false),
          "fault", new Field(Type.OBJECT, true));

  private static final Map<String, Field> TYPE = fields("type", new Field(Type.TEXT, true));

  private Orders() {}

  /** Names and fields in turn, in their order. */
  static Map<String, Field> fields(Object... namesAndFields) {
    Map<String, Field> fields = new LinkedHashMap<>();
    for (int i = 0; i < namesAndFields.length; i += 2) {
      fields.put((String) namesAndFields[i], (Field) namesAndFields[i + 1]);
    }
    return fields;
  }

  /**
   * Reads a body that has these fields.
   *
   * @throws IllegalArgumentException with what is wrong
   */
  static ObjectNode read(String body, Map<String, Field> fields) {
    ObjectNode object = Json.object();
    if (!body.isBlank()) {
      object =
          Json.readObject(body)
              .orElseThrow(() -> new IllegalArgumentException("the body is no JSON object"));
    }
    check(object, "", fields);
    return object;
  }

  /** Reads a rule, its fault with it. */
  static FaultRule rule(String body) {
    ObjectNode rule = read(body, RULE);
    ObjectNode fault = (ObjectNode) rule.get("fault");
    if (!fault.path("type").isTextual()) {
      check(fault, "fault.", TYPE);
    }
    FaultKinds.Kind kind = FaultKinds.of(fault.get("type").asText());
    Map<String, Field> fields = new LinkedHashMap<>(TYPE);
    fields.putAll(kind.parameters());
    check(fault, "fault.", fields);
    Operation on = operation(rule.get("on").asText());
    try {
      rule.put("on", on.word());
      return Json.MAPPER.treeToValue(rule, FaultRule.class);
    } catch (JsonProcessingException e) {
      Throwable cause = e;
      while (cause.getCause() != null && !(cause instanceof IllegalArgumentException)) {
        cause = cause.getCause();
      }
      throw new IllegalArgumentException(cause.getMessage(), e);
    }
  }

  private static Operation operation(String word) {
    for (Operation operation : Operation.values()) {
      if (operation.word().equals(word)) {
        return operation;
      }
    }
    throw new IllegalArgumentException(
        "on must be one of create, query, list, request, render, callback, not " + word);
  }

  private static void check(ObjectNode object, String prefix, Map<String, Field> fields) {
    for (Iterator<String> names = object.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!fields.containsKey(name)) {
        throw new IllegalArgumentException(
            prefix + name + " is not known; there are " + String.join(", ", fields.keySet()));
      }
    }
    fields.forEach(
        (name, field) -> {
          JsonNode value = object.get(name);
          boolean given = value != null && !value.isNull();
          if (!given && field.required()) {
            throw new IllegalArgumentException(prefix + name + " is missing");
          }
          if (given && !field.type().fits(value)) {
            throw new IllegalArgumentException(
                prefix + name + " must be a " + field.type().word() + ", not " + value);
          }
        });
  }
}
