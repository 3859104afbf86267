package io.klingtracker.rules;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One known field of a request.
 *
 * @param name its name in the body
 * @param type what it may hold
 * @param need whether it has to be there
 * @param preset what Kling assumes without it, for the documentation
 * @param used when Kling looks at it; otherwise it is neither checked nor dropped
 */
record Field(String name, Type type, Need need, @Nullable String preset, Used used) {

  /** Whether a field has to be there, given that it is used at all. */
  enum Need {
    OPTIONAL,
    REQUIRED
  }

  /** Circumstances under which Kling looks at a field. */
  enum Used {
    ALWAYS(""),
    SINGLE_SHOT_OR_INTELLIGENCE(
        "used unless multi_shot is true, and also when shot_type is intelligence"),
    MULTI_SHOT("used when multi_shot is true"),
    CUSTOMIZED_SHOTS("used when multi_shot is true and shot_type is customize");

    private final String doc;

    Used(String doc) {
      this.doc = doc;
    }

    boolean in(JsonNode root) {
      if (this == ALWAYS) {
        return true;
      }
      boolean multi = Type.Flag.read(root.path("multi_shot"));
      String shots = root.path("shot_type").asText();
      return switch (this) {
        case SINGLE_SHOT_OR_INTELLIGENCE -> !multi || shots.equals("intelligence");
        case MULTI_SHOT -> multi;
        default -> multi && shots.equals("customize");
      };
    }
  }

  static Field optional(String name, Type type) {
    return new Field(name, type, Need.OPTIONAL, null, Used.ALWAYS);
  }

  static Field required(String name, Type type) {
    return new Field(name, type, Need.REQUIRED, null, Used.ALWAYS);
  }

  Field preset(String value) {
    return new Field(name, type, need, value, used);
  }

  Field used(Used when) {
    return new Field(name, type, need, preset, when);
  }

  Field type(Type other) {
    return new Field(name, other, need, preset, used);
  }

  /** True when no request may be without it. */
  boolean always() {
    return need == Need.REQUIRED && used == Used.ALWAYS;
  }

  void check(String prefix, JsonNode object, Findings findings) {
    if (!used.in(object)) {
      return;
    }
    JsonNode value = object.path(name);
    if (Empty.is(value)) {
      if (need == Need.REQUIRED) {
        findings.missing(
            prefix + name,
            used == Used.ALWAYS ? "it is required" : "it is required, being " + used.doc);
      }
      return;
    }
    type.check(prefix + name, value, findings);
  }

  /** The fields as the properties of a JSON Schema. */
  static Map<String, Object> schemas(List<Field> fields) {
    Map<String, Object> properties = new LinkedHashMap<>();
    for (Field field : fields) {
      Map<String, Object> schema = new LinkedHashMap<>(field.type.schema());
      if (field.preset != null) {
        schema.put("default", field.preset);
      }
      if (field.used != Used.ALWAYS) {
        schema.put("description", "Only " + field.used.doc + ".");
      }
      properties.put(field.name, schema);
    }
    return properties;
  }
}
