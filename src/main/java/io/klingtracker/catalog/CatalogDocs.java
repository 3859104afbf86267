package io.klingtracker.catalog;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The catalogue as shown to people: which models there are, and what each path takes of them. */
public final class CatalogDocs {

  private CatalogDocs() {}

  /**
   * One public model name.
   *
   * @param name what a caller says
   * @param origin {@code overlay} where something that applies to it comes from there, be it mapped
   *     or not; else where its name does: {@code tenant}, the setting that maps it, or {@code
   *     built-in}
   * @param discontinued true when Kling has switched it off, so that every request is refused
   * @param accepts what it takes, path by path
   */
  public record Listed(String name, String origin, boolean discontinued, List<Accepts> accepts) {}

  /**
   * What one path takes with one model.
   *
   * @param path our path
   * @param retired the day from which Kling refuses it there, in UTC; null while none is known
   * @param fields JSON Schema by field
   * @param rules rules over more than one field
   */
  public record Accepts(
      String kind,
      String path,
      @Nullable String retired,
      Map<String, Object> fields,
      List<String> rules) {}

  /**
   * Every public name: the mapped ones first, then those that map to themselves.
   *
   * @param day today, in UTC
   */
  public static List<Listed> models(Catalog catalog, ModelMapping mapping, LocalDate day) {
    Set<String> names = new LinkedHashSet<>(mapping.names());
    catalog.kinds().forEach(kind -> kind.models().forEach(model -> names.add(model.name())));
    return names.stream()
        .map(name -> listed(catalog, mapping, name, day))
        .filter(listed -> !listed.accepts.isEmpty())
        .toList();
  }

  private static Listed listed(Catalog catalog, ModelMapping mapping, String name, LocalDate day) {
    String upstream = mapping.upstream(name).orElse(name);
    List<Kind> kinds =
        catalog.kinds().stream().filter(kind -> takes(catalog, kind, upstream)).toList();
    boolean discontinued =
        mapping.isDiscontinued(upstream)
            || kinds.stream().allMatch(kind -> row(kind, upstream).isRetired(day));
    return new Listed(
        name,
        catalog.isOverlaid(upstream) ? "overlay" : mapping.origin(name).orElse("built-in"),
        discontinued,
        kinds.stream().map(kind -> accepts(kind, name, row(kind, upstream))).toList());
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
      for (Field field : model.fields()) {
        if (model.narrowed().contains(field.name()) && !(field.type() instanceof FieldType.Shape)) {
          rules.add("%s with %s %s".formatted(field.name(), model.name(), field.type().rule()));
        }
      }
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

  private static boolean takes(Catalog catalog, Kind kind, String upstream) {
    return kind.named(upstream).isPresent()
        || !kind.models().isEmpty() && !catalog.knowsModel(upstream);
  }

  private static Model row(Kind kind, String upstream) {
    return kind.named(upstream).orElseGet(() -> kind.row(upstream));
  }

  private static Accepts accepts(Kind kind, String name, Model row) {
    List<String> rules = new ArrayList<>(kind.rules().stream().map(Rule::doc).toList());
    if (row.contents() != null) {
      rules.add(row.contents().doc());
    }
    return new Accepts(
        kind.name(),
        kind.dialect() == Kind.Dialect.LEGACY
            ? "/kling/v1/" + kind.path()
            : "/kling/" + kind.path() + "/" + name,
        row.retired() == null ? null : row.retired().toString(),
        Field.schemas(row.fields()),
        rules);
  }
}
