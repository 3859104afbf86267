package io.klingtracker.catalog;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** One sort of asynchronous task, as Kling has a path for it: a row of the {@link Catalog}. */
public final class Kind {

  /** The two generations of Kling's API, which differ in paths and shapes. */
  public enum Dialect {
    /** {@code /v1/videos/text2video}, the model in the body. */
    LEGACY,
    /** {@code /text-to-video/kling-3.0}, the model in the path. */
    NEWER
  }

  private final Route route;
  private final Family family;
  private final List<String> results;
  private final List<Field> fields;
  private final List<Model> models;
  private final @Nullable String defaultModel;
  private final List<Rule> rules;
  private final Model common;
  private final Model unknown;

  /** Its name, and its path as {@link #path()} has it. */
  record Route(String name, String path, Dialect dialect) {}

  /**
   * A row.
   *
   * @param models the model versions; without any, every name passes
   * @param common what all versions share
   */
  Kind(
      Route route,
      Family family,
      List<String> results,
      List<Field> fields,
      List<Model> models,
      @Nullable String defaultModel,
      List<Rule> rules,
      Model common) {
    this.route = route;
    this.family = family;
    this.results = List.copyOf(results);
    this.fields = List.copyOf(fields);
    this.models = List.copyOf(models);
    this.defaultModel = defaultModel;
    this.rules = List.copyOf(rules);
    this.common = common;
    this.unknown = models.isEmpty() ? common : common.unlimited();
  }

  /**
   * Its path: below {@code /v1/} in the legacy generation, such as {@code videos/text2video}; one
   * word in the newer one, such as {@code text-to-video}.
   */
  public String path() {
    return route.path;
  }

  /**
   * The kind's own word: the path without its first segment; {@code newer/…} where both generations
   * have one.
   */
  public String name() {
    return route.name;
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
    return route.dialect;
  }

  /** Kling's path to create a task. */
  public String createPath(@Nullable String upstreamModel) {
    return dialect() == Dialect.LEGACY
        ? "/v1/" + path()
        : "/" + path() + "/" + encoded(String.valueOf(upstreamModel));
  }

  /** Kling's path to ask for a task by Kling's id. */
  public String queryPath(String klingTaskId) {
    return dialect() == Dialect.LEGACY
        ? "/v1/" + path() + "/" + encoded(klingTaskId)
        : "/tasks?task_ids=" + encoded(klingTaskId);
  }

  /** Kling's path to ask for a task by the id that we gave it. */
  public String queryByOwnIdPath(String externalTaskId) {
    return dialect() == Dialect.LEGACY
        ? "/v1/" + path() + "/" + encoded(externalTaskId)
        : "/tasks?external_task_ids=" + encoded(externalTaskId);
  }

  /** Whether a request may hold pictures or sound, and so be large. */
  public boolean takesMedia() {
    return fields.stream().anyMatch(field -> holdsMedia(field.type()));
  }

  /** What all versions share; whatever else a body has passes. */
  List<Field> fields() {
    return fields;
  }

  /** The model versions of this kind; without any, every name passes. */
  List<Model> models() {
    return models;
  }

  Optional<Model> model(String name) {
    return models.stream().filter(m -> m.name().equals(name)).findAny();
  }

  /** The words that a field may hold with some version, by its path; none where it is no choice. */
  Set<String> choice(String path) {
    Set<String> words = new TreeSet<>(Field.choice(fields, path));
    models.forEach(model -> words.addAll(Field.choice(model.fields(), path)));
    return words;
  }

  /** The version that goes by a name, be it another than Kling's documents use. */
  Optional<Model> named(String name) {
    return models.stream().filter(m -> m.name().equals(name) || name.equals(m.alias())).findAny();
  }

  /**
   * What is known of a version by Kling's name of it: without a name what all share, and without a
   * row no more than what sort of value each field holds, since a newer one may take more of it.
   */
  Model row(@Nullable String name) {
    return name == null ? common : model(name).orElse(unknown);
  }

  /** Whether Kling keeps our id of a task, so that it can be asked for by it. */
  public boolean takesExternalTaskId(@Nullable String upstreamModel) {
    return row(upstreamModel).takes().externalTaskId();
  }

  /** Whether Kling refuses a model on this path on that day, in UTC. */
  public boolean isRetired(@Nullable String upstreamModel, LocalDate day) {
    return row(upstreamModel).isRetired(day);
  }

  /** The version Kling takes when a request names none. */
  @Nullable String defaultModel() {
    return defaultModel;
  }

  List<Rule> rules() {
    return rules;
  }

  @Override
  public String toString() {
    return path();
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
