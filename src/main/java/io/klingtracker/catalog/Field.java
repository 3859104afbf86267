package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.json.Empty;
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
 * @param defaultValue what Kling assumes without it, for the documentation
 * @param appliesWhen when Kling looks at it; otherwise it is neither checked nor dropped
 */
record Field(
    String name,
    FieldType type,
    Need need,
    @Nullable String defaultValue,
    AppliesWhen appliesWhen) {

  /** Whether a field has to be there, given that it is used at all. */
  enum Need {
    OPTIONAL,
    REQUIRED
  }

  /** Circumstances under which Kling looks at a field. */
  enum AppliesWhen {
    ALWAYS(""),
    SINGLE_SHOT_OR_INTELLIGENCE(
        "used unless multi_shot is true, and also when shot_type is intelligence"),
    MULTI_SHOT("used when multi_shot is true"),
    CUSTOMIZED_SHOTS("used when multi_shot is true and shot_type is customize");

    private final String doc;

    AppliesWhen(String doc) {
      this.doc = doc;
    }

    boolean in(JsonNode root) {
      if (this == ALWAYS) {
        return true;
      }
      boolean multi = FieldType.Flag.read(root.path("multi_shot"));
      String shots = root.path("shot_type").asText();
      return switch (this) {
        case SINGLE_SHOT_OR_INTELLIGENCE -> !multi || shots.equals("intelligence");
        case MULTI_SHOT -> multi;
        default -> multi && shots.equals("customize");
      };
    }
  }

  static Field optional(String name, FieldType type) {
    return new Field(name, type, Need.OPTIONAL, null, AppliesWhen.ALWAYS);
  }

  static Field required(String name, FieldType type) {
    return new Field(name, type, Need.REQUIRED, null, AppliesWhen.ALWAYS);
  }

  Field defaultValue(String value) {
    return new Field(name, type, need, value, appliesWhen);
  }

  Field appliesWhen(AppliesWhen when) {
    return new Field(name, type, need, defaultValue, when);
  }

  Field type(FieldType other) {
    return new Field(name, other, need, defaultValue, appliesWhen);
  }

  Field unlimited() {
    return type(type.unlimited());
  }

  /** True when no request may be without it. */
  boolean always() {
    return need == Need.REQUIRED && appliesWhen == AppliesWhen.ALWAYS;
  }

  void check(String prefix, JsonNode object, Findings findings) {
    if (!appliesWhen.in(object)) {
      return;
    }
    JsonNode value = object.path(name);
    if (Empty.is(value)) {
      if (need == Need.REQUIRED) {
        findings.missing(
            prefix + name,
            appliesWhen == AppliesWhen.ALWAYS
                ? "it is required"
                : "it is required, being " + appliesWhen.doc);
      }
      return;
    }
    type.check(prefix + name, value, findings);
  }

  /** The words of a field that is a choice, by its path; none where it is not. */
  static List<String> choice(List<Field> fields, String path) {
    int dot = path.indexOf('.');
    String name = dot < 0 ? path : path.substring(0, dot);
    for (Field field : fields) {
      if (field.name.equals(name)) {
        FieldType type = field.type instanceof FieldType.Without less ? less.type() : field.type;
        if (dot >= 0) {
          return type instanceof FieldType.Shape shape
              ? choice(shape.fields(), path.substring(dot + 1))
              : List.of();
        }
        return type instanceof FieldType.Choice choice ? choice.words() : List.of();
      }
    }
    return List.of();
  }

  /** The fields as the properties of a JSON Schema. */
  static Map<String, Object> schemas(List<Field> fields) {
    Map<String, Object> properties = new LinkedHashMap<>();
    for (Field field : fields) {
      Map<String, Object> schema = new LinkedHashMap<>(field.type.schema());
      if (field.defaultValue != null) {
        schema.put("default", field.defaultValue);
      }
      if (field.appliesWhen != AppliesWhen.ALWAYS) {
        schema.put("description", "Only " + field.appliesWhen.doc + ".");
      }
      properties.put(field.name, schema);
    }
    return properties;
  }
}
