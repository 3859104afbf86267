package io.klingtracker.rules;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The rule data as shown to people: which models there are, and what each path takes of them. */
public final class Catalog {

  private Catalog() {}

  /**
   * One public model name.
   *
   * @param name what a caller says
   * @param discontinued true when Kling has switched it off, so that every request is refused
   * @param accepts what it takes, path by path
   */
  public record Listed(String name, boolean discontinued, List<Accepts> accepts) {}

  /**
   * What one path takes with one model.
   *
   * @param path our path
   * @param fields JSON Schema by field
   * @param rules rules over more than one field
   */
  public record Accepts(String kind, String path, Map<String, Object> fields, List<String> rules) {}

  /** Every public name: the mapped ones first, then those that map to themselves. */
  public static List<Listed> models(ModelMapping mapping) {
    Set<String> names = new LinkedHashSet<>(mapping.names());
    Kinds.all().forEach(kind -> kind.models().forEach(model -> names.add(model.name())));
    return names.stream()
        .map(
            name -> {
              String upstream = mapping.upstream(name).orElse(name);
              return new Listed(name, mapping.isDiscontinued(upstream), accepts(name, upstream));
            })
        .filter(listed -> !listed.accepts.isEmpty())
        .toList();
  }

  /** The body of a kind's create request as JSON Schema, as wide as its widest model. */
  public static Map<String, Object> schema(Kind kind) {
    Map<String, Object> schema = new LinkedHashMap<>();
    schema.put("type", "object");
    Map<String, Object> properties = new LinkedHashMap<>();
    if (kind.dialect() == Kind.Dialect.LEGACY && !kind.models().isEmpty()) {
      properties.put("model_name", modelName(kind));
    }
    properties.putAll(Field.schemas(kind.fields()));
    schema.put("properties", properties);
    List<String> required = kind.fields().stream().filter(Field::always).map(Field::name).toList();
    if (!required.isEmpty()) {
      schema.put("required", required);
    }
    schema.put("additionalProperties", true);
    return schema;
  }

  /** The rules over more than one field and those of single models, in sentences. */
  public static List<String> rules(Kind kind) {
    List<String> rules = new ArrayList<>(kind.rules().stream().map(Rule::doc).toList());
    for (Model model : kind.models()) {
      model
          .narrowed()
          .forEach(
              (field, type) -> {
                boolean known = kind.fields().stream().anyMatch(f -> f.name().equals(field));
                if (known && !(type instanceof FieldType.Shape)) {
                  rules.add("%s with %s %s".formatted(field, model.name(), type.rule()));
                }
              });
    }
    return rules;
  }

  private static Map<String, Object> modelName(Kind kind) {
    Map<String, Object> schema = new LinkedHashMap<>();
    schema.put("type", "string");
    schema.put(
        "description",
        "A public model name; known ones: "
            + String.join(", ", kind.models().stream().map(Model::name).toList())
            + ".");
    if (kind.defaultModel() != null) {
      schema.put("default", kind.defaultModel());
    }
    return schema;
  }

  private static List<Accepts> accepts(String name, String upstream) {
    return Kinds.all().stream()
        .filter(
            kind ->
                kind.model(upstream).isPresent()
                    || !kind.models().isEmpty() && !Kinds.knowsModel(upstream))
        .map(
            kind ->
                new Accepts(
                    kind.name(),
                    kind.dialect() == Kind.Dialect.LEGACY
                        ? "/kling/v1/" + kind.path()
                        : "/kling/" + kind.path() + "/" + name,
                    Field.schemas(
                        kind.model(upstream)
                            .map(model -> model.fields(kind.fields()))
                            .orElse(kind.fields())),
                    kind.rules().stream().map(Rule::doc).toList()))
        .toList();
  }
}
