package io.klingtracker.catalog;

import io.klingtracker.json.Body;
import io.klingtracker.json.Empty;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Everything that can be asked of Kling: kinds of tasks with their paths, fields and limits, model
 * versions, prices, and what its errors mean. It is read from {@code catalog.yaml}, never changes,
 * and is replaced as a whole; who uses more than one row of it at a time takes {@link #current}
 * once.
 */
public final class Catalog {

  private static final Catalog BUILT_IN = CatalogReader.read(builtInText(), null);

  private static volatile Catalog current = BUILT_IN;

  private final String version;
  private final List<Kind> kinds;
  private final Map<String, Kind> byPath;
  private final Map<String, Kind> byName;
  private final Map<String, SyncPath> sync;
  private final Map<String, Boolean> models;
  private final Set<String> fieldNames;
  private final Prices prices;
  private final UnitPrice unitPrice;
  private final ErrorClasses errors;
  private final AnswerTable answers;
  private final List<Change> changes;
  private final Set<String> overlaid;

  /**
   * What an overlay changes.
   *
   * @param place where, as names
   * @param builtIn what is there without it; null for nothing
   * @param overlay what it says instead, {@code ~} for nothing
   */
  public record Change(String place, @Nullable String builtIn, String overlay) {}

  Catalog(
      String version,
      Collection<Kind> kinds,
      Collection<SyncPath> sync,
      Prices prices,
      UnitPrice unitPrice,
      ErrorClasses errors,
      AnswerTable answers,
      List<Change> changes,
      Set<String> overlaid) {
    this.version = version;
    this.kinds = List.copyOf(kinds);
    this.byPath = index(this.kinds, Kind::path);
    this.byName = index(this.kinds, Kind::name);
    this.sync = index(sync, SyncPath::path);
    this.models = new LinkedHashMap<>();
    for (Kind kind : kinds) {
      kind.models().forEach(model -> models.putIfAbsent(model.name(), model.takes().apiKeyOnly()));
    }
    this.fieldNames =
        Stream.concat(
                Stream.of("model_name", "model"),
                this.kinds.stream().flatMap(kind -> kind.fields().stream()).map(Field::name))
            .collect(Collectors.toUnmodifiableSet());
    this.prices = prices;
    this.unitPrice = unitPrice;
    this.errors = errors;
    this.answers = answers;
    this.changes = List.copyOf(changes);
    this.overlaid = Set.copyOf(overlaid);
  }

  /** What requests meet now. */
  public static Catalog current() {
    return current;
  }

  /** What this version of the service brings with it. */
  public static Catalog builtIn() {
    return BUILT_IN;
  }

  static void use(Catalog other) {
    current = other;
  }

  static String builtInText() {
    try (InputStream yaml =
        Objects.requireNonNull(Catalog.class.getResourceAsStream("catalog.yaml"), "catalog.yaml")) {
      return new String(yaml.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("catalog.yaml", e);
    }
  }

  /** The built-in version, and after a plus what lies over it. */
  public String version() {
    return version;
  }

  /** What the overlay changes in the built-in catalogue; nothing where there is none. */
  public List<Change> changes() {
    return changes;
  }

  /** Whether the overlay changes something that applies to a model; see {@link OverlayReach}. */
  boolean isOverlaid(String model) {
    return overlaid.contains(model);
  }

  /** Every kind, in the order of Kling's documentation. */
  public List<Kind> kinds() {
    return kinds;
  }

  /** Every path that is passed on without making a task. */
  public Collection<SyncPath> sync() {
    return sync.values();
  }

  /** The kind with exactly this path, such as {@code videos/text2video}. */
  public Optional<Kind> ofPath(String path) {
    return Optional.ofNullable(byPath.get(path));
  }

  /** The kind with this name, such as {@code text2video}. */
  public Optional<Kind> ofName(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /**
   * The kind of a task that was sent: an overlay that takes a built-in one out says that no more
   * are taken, not that Kling forgets those it has. Empty for another overlay's or version's.
   */
  public Optional<Kind> ofSent(String name) {
    return ofName(name).or(() -> BUILT_IN.ofName(name));
  }

  /** Why nothing can be asked or sent for a task of a kind that is not there. */
  public static String noKind(String name) {
    return "the catalogue has no kind %s any more".formatted(name);
  }

  /** The synchronous path with exactly this path; it takes POST, or GET alone. */
  public Optional<SyncPath> syncOfPath(String path) {
    return Optional.ofNullable(sync.get(path));
  }

  /**
   * What {@code {kind path}} or {@code {kind path}/{id}} speaks of. The longest kind path wins and
   * the rest is the id, slashes and all, since a caller's own id may hold some.
   */
  public Optional<Addressed> resolve(String path) {
    for (int end = path.length(); end > 0; end = path.lastIndexOf('/', end - 1)) {
      Kind kind = byPath.get(path.substring(0, end));
      if (kind != null) {
        String id = end < path.length() - 1 ? path.substring(end + 1) : null;
        return Optional.of(new Addressed(kind, id));
      }
    }
    return Optional.empty();
  }

  /**
   * Whether tasks of a model are sent with an API key alone; no model is sent both ways. Empty for
   * one without a row, which may be of either generation.
   */
  public Optional<Boolean> isApiKeyOnly(String model) {
    return Optional.ofNullable(models.get(model));
  }

  /** What Kling's answers mean; the same whatever the overlay is. */
  AnswerTable answers() {
    return answers;
  }

  /** What a failure was: by Kling's code, else by the beginning of its message. */
  public ErrorClass errorClass(@Nullable Integer code, @Nullable String message) {
    return errors.of(code, message);
  }

  /** Whether some kind has this model version in its table. */
  boolean knowsModel(String name) {
    return models.containsKey(name);
  }

  /** The model versions of all tables. */
  Set<String> modelNames() {
    return models.keySet();
  }

  /**
   * What a body says: all but the {@link Empty} values of fields that we know. A field of another
   * kind counts as known, since clients send one form for all.
   */
  Body withoutEmpty(Body body) {
    return body.withoutEmpty(fieldNames);
  }

  BigDecimal units(Kind kind, @Nullable String upstreamModel, Rule.RequestView request) {
    return prices.of(kind, upstreamModel, request);
  }

  UnitPrice unitPrice() {
    return unitPrice;
  }

  Prices prices() {
    return prices;
  }

  /** Whether a row of the price list is of a kind and a model, or of any. */
  boolean hasPrice(Kind kind, @Nullable String model) {
    return prices.rows().stream()
        .anyMatch(row -> row.isOf(kind) && (row.model().equals("*") || row.model().equals(model)));
  }

  private static <T> Map<String, T> index(Collection<T> rows, Function<T, String> key) {
    return rows.stream()
        .collect(
            Collectors.toMap(
                key,
                Function.identity(),
                (a, b) -> {
                  throw new CatalogFault(a + " and " + b + " have the same path; change one");
                },
                LinkedHashMap::new));
  }

  /**
   * A kind, and one of its tasks if the path names one.
   *
   * @param id a task id or a caller's own id; null for the collection itself
   */
  public record Addressed(Kind kind, @Nullable String id) {}
}
