package io.klingtracker.rules;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One sort of asynchronous task, as Kling has a path for it. Kinds are rows of {@link Kinds}. */
public final class Kind {

  /** The two generations of Kling's API, which differ in paths and shapes. */
  public enum Dialect {
    /** {@code /v1/videos/text2video}, the model in the body. */
    LEGACY,
    /** {@code /text-to-video/kling-3.0}, the model in the path. */
    NEWER
  }

  private final String path;
  private final Family family;
  private final List<String> results;
  private final List<Field> fields;
  private final List<Model> models;
  private final @Nullable String defaultModel;
  private final List<Rule> rules;

  private Kind(
      String path,
      Family family,
      List<String> results,
      List<Field> fields,
      List<Model> models,
      @Nullable String defaultModel,
      List<Rule> rules) {
    this.path = path;
    this.family = family;
    this.results = results;
    this.fields = fields;
    this.models = models;
    this.defaultModel = defaultModel;
    this.rules = rules;
  }

  static Kind of(String path, Family family, String... results) {
    return new Kind(path, family, List.of(results), List.of(), List.of(), null, List.of());
  }

  /** Fields that are known; whatever else a body has passes. */
  Kind fields(List<Field> known) {
    return new Kind(path, family, results, List.copyOf(known), models, defaultModel, rules);
  }

  /** The model versions of this kind; without this row every name passes. */
  Kind models(Model... versions) {
    return new Kind(path, family, results, fields, List.of(versions), defaultModel, rules);
  }

  /** The version Kling takes when a request names none. */
  Kind defaultModel(String name) {
    return new Kind(path, family, results, fields, models, name, rules);
  }

  Kind rules(Rule... across) {
    return new Kind(path, family, results, fields, models, defaultModel, List.of(across));
  }

  /**
   * Its path: below {@code /v1/} in the legacy generation, such as {@code videos/text2video}; one
   * word in the newer one, such as {@code text-to-video}.
   */
  public String path() {
    return path;
  }

  /** The kind's own word: the path without its first segment. */
  public String name() {
    return path.substring(path.indexOf('/') + 1);
  }

  /** What its slots are counted for. */
  public Family family() {
    return family;
  }

  /** The arrays that its {@code task_result} may hold, the main one first. */
  public List<String> results() {
    return results;
  }

  /** The generation of Kling's API that it belongs to. */
  public Dialect dialect() {
    return path.indexOf('/') < 0 ? Dialect.NEWER : Dialect.LEGACY;
  }

  /** Kling's path to create a task. */
  public String createPath(@Nullable String upstreamModel) {
    return dialect() == Dialect.LEGACY
        ? "/v1/" + path
        : "/" + path + "/" + encoded(String.valueOf(upstreamModel));
  }

  /** Kling's path to ask for a task by Kling's id. */
  public String queryPath(String klingTaskId) {
    return dialect() == Dialect.LEGACY
        ? "/v1/" + path + "/" + encoded(klingTaskId)
        : "/tasks?task_ids=" + encoded(klingTaskId);
  }

  /** Kling's path to ask for a task by the id that we gave it. */
  public String queryByOwnIdPath(String externalTaskId) {
    return dialect() == Dialect.LEGACY
        ? "/v1/" + path + "/" + encoded(externalTaskId)
        : "/tasks?external_task_ids=" + encoded(externalTaskId);
  }

  /** Whether a request may hold pictures or sound, and so be large. */
  public boolean takesMedia() {
    return fields.stream().anyMatch(field -> holdsMedia(field.type()));
  }

  List<Field> fields() {
    return fields;
  }

  List<Model> models() {
    return models;
  }

  Optional<Model> model(String name) {
    return models.stream().filter(m -> m.name().equals(name)).findAny();
  }

  @Nullable String defaultModel() {
    return defaultModel;
  }

  List<Rule> rules() {
    return rules;
  }

  @Override
  public String toString() {
    return path;
  }

  private static String encoded(String segment) {
    String encoded = URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
    // URLEncoder leaves dots; a segment of nothing else would be merged with the one before it.
    return encoded.chars().allMatch(c -> c == '.') ? encoded.replace(".", "%2E") : encoded;
  }

  private static boolean holdsMedia(FieldType type) {
    if (type instanceof FieldType.Items items) {
      return holdsMedia(items.of());
    }
    return type instanceof FieldType.Media
        || type instanceof FieldType.Shape shape
            && shape.fields().stream().anyMatch(f -> holdsMedia(f.type()));
  }
}
