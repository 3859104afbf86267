package io.klingtracker.catalog;

import io.klingtracker.secret.Hashes;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads catalogues; what it does not know it refuses, with file, line and place. */
final class CatalogReader {

  private static final String FORMAT = "1";

  /** In place of a day: what an overlay may say against the built-in file. */
  private static final String NEVER = "never";

  private static final Set<String> PRICES_FIRST = Set.of("prices");

  private static final List<String> TABLES =
      List.of(
          "format", "version", "common", "groups", "kinds", "models", "prices", "money", "sync",
          "errors");
  private static final List<String> KIND =
      List.of(
          "route",
          "family",
          "results",
          "default_model",
          "with",
          "fields",
          "contents",
          "rules",
          "takes");
  private static final List<String> MODEL =
      List.of("like", "kinds", "fields", "modes", "ignored", "contents", "takes", "retired");
  private static final List<String> MODEL_ON_KIND =
      List.of("also", "fields", "ignored", "contents", "retired");
  private static final List<String> FAMILIES =
      Stream.of(Family.values()).map(Family::wireName).toList();

  private final CatalogNode root;
  private final Map<String, KindRow> kinds = new LinkedHashMap<>();

  /** A kind as far as it is read before its models are. */
  private record KindRow(
      CatalogNode line,
      Kind.Route route,
      Map<String, CatalogNode> fields,
      @Nullable Contents contents,
      Model.Takes takes,
      List<Model> models) {}

  private CatalogReader(CatalogNode root) {
    this.root = root;
  }

  /**
   * Reads a catalogue.
   *
   * @param overlay what lies over the built-in file; null for nothing
   * @throws CatalogFault naming file, line and place
   */
  static Catalog read(String builtIn, @Nullable Overlay overlay) {
    CatalogNode root = CatalogNode.parse("catalog.yaml", builtIn);
    String version = root.need("version").text();
    List<Catalog.Change> changes = new ArrayList<>();
    if (overlay != null) {
      CatalogNode over = CatalogNode.parse(overlay.file(), overlay.text());
      over.members(TABLES);
      version += "+" + over.get("version", CatalogNode::text, digest(overlay.text()));
      root.compare(over, PRICES_FIRST, changes);
      root = root.under(over, PRICES_FIRST);
    }
    return new CatalogReader(root).catalog(version, changes);
  }

  /** A file over the built-in one, by its name, and what it holds. */
  record Overlay(String file, String text) {}

  private static String digest(String text) {
    byte[] digest = Hashes.sha256(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest, 0, 4);
  }

  private Catalog catalog(String version, List<Catalog.Change> changes) {
    root.members(TABLES);
    root.need("format").word(List.of(FORMAT));
    root.need("kinds").members().forEach(this::kind);
    root.need("models").members().forEach(this::model);
    List<Kind> all = kinds.values().stream().map(CatalogReader::kind).toList();
    List<Prices.Row> prices =
        root.need("prices").items().stream().map(line -> Prices.Row.read(line, all)).toList();
    return new Catalog(
        version,
        all,
        sync(),
        new Prices(prices),
        UnitPrice.read(root.need("money")),
        ErrorClasses.read(root.need("errors")),
        changes);
  }

  private void kind(String name, CatalogNode line) {
    line.members(KIND);
    Kind.Route route = route(name, line.need("route"));
    Map<String, CatalogNode> fields = new LinkedHashMap<>();
    for (CatalogNode group : line.get("with", CatalogNode::items, List.<CatalogNode>of())) {
      Map<String, CatalogNode> groups = root.need("groups").members();
      group.word(groups.keySet());
      fields.putAll(Objects.requireNonNull(groups.get(group.text())).members());
    }
    fields.putAll(line.get("fields", CatalogNode::members, Map.<String, CatalogNode>of()));
    String dialect = route.dialect().name().toLowerCase(Locale.ROOT);
    root.need("common").need(dialect).members().forEach(fields::putIfAbsent);
    kinds.put(
        name,
        new KindRow(
            line,
            route,
            fields,
            line.has("contents") ? Contents.read(line.need("contents")) : null,
            takes(line, route.dialect(), new Model.Takes(true, true, isNewer(route.dialect()))),
            new ArrayList<>()));
  }

  /** {@code /v1/videos/text2video}, or {@code /text-to-video/{model}}. */
  private static Kind.Route route(String name, CatalogNode route) {
    String path = route.text();
    if (path.matches("/v1(/[a-z0-9-]+)+")) {
      return new Kind.Route(name, path.substring("/v1/".length()), Kind.Dialect.LEGACY);
    }
    if (path.matches("/[a-z0-9-]+/\\{model}")) {
      return new Kind.Route(name, path.substring(1, path.lastIndexOf('/')), Kind.Dialect.NEWER);
    }
    throw route.fault("must be /v1/… or /…/{model}, is '%s'".formatted(path));
  }

  private static boolean isNewer(Kind.Dialect dialect) {
    return dialect == Kind.Dialect.NEWER;
  }

  /** Which credential is sent the path decides, so that a row may say it and not change it. */
  private static Model.Takes takes(CatalogNode row, Kind.Dialect dialect, Model.Takes common) {
    CatalogNode line = row.get("takes");
    if (line == null) {
      return common;
    }
    line.members(List.of("callback_url", "external_task_id", "credential"));
    CatalogNode credential = line.get("credential");
    String sent = isNewer(dialect) ? "api-key" : "any";
    if (credential != null && !credential.word(List.of("any", "api-key")).equals(sent)) {
      throw credential.fault(
          "must be %s on %s".formatted(sent, isNewer(dialect) ? "/…/{model}" : "/v1/…"));
    }
    return new Model.Takes(
        line.get("callback_url", CatalogNode::flag, common.callbackUrl()),
        line.get("external_task_id", CatalogNode::flag, common.externalTaskId()),
        isNewer(dialect));
  }

  /** A row with what it has of the row that it is like. */
  private CatalogNode whole(CatalogNode line) {
    line.members(MODEL);
    if (!line.has("like")) {
      return line;
    }
    CatalogNode like = line.need("like");
    CatalogNode other = root.need("models").get(like.text());
    if (other == null || other.has("like")) {
      throw like.fault("must be a model that is like no other");
    }
    return other.under(line, Set.of());
  }

  private void model(String name, CatalogNode row) {
    CatalogNode line = whole(row);
    Map<String, CatalogNode> narrowed =
        line.get("fields", CatalogNode::members, Map.<String, CatalogNode>of());
    CatalogNode on = line.need("kinds");
    on.members(kinds.keySet())
        .forEach(
            (kind, own) ->
                model(name, line, narrowed, Objects.requireNonNull(kinds.get(kind)), own));
    narrowed.forEach(
        (path, field) -> {
          if (on.members().keySet().stream().noneMatch(kind -> has(kind, path))) {
            throw field.fault("none of the model's kinds has such a field");
          }
        });
    if (on.members().keySet().stream()
            .map(kind -> Objects.requireNonNull(kinds.get(kind)).route().dialect())
            .distinct()
            .count()
        > 1) {
      throw on.fault("are of both generations; give each a model of its own");
    }
    checkPaths(line.get("ignored"));
    on.members().values().forEach(own -> checkPaths(own.get("ignored")));
    line.get("modes", CatalogNode::members, Map.<String, CatalogNode>of())
        .forEach((field, modes) -> checkModes(field, modes, on, narrowed));
  }

  /** A model may ignore what another kind than its own takes, but nothing that none takes. */
  private void checkPaths(@Nullable CatalogNode paths) {
    for (CatalogNode path : paths == null ? List.<CatalogNode>of() : paths.items()) {
      if (kinds.values().stream().noneMatch(kind -> kind.fields().containsKey(path.text()))) {
        throw path.fault("no kind has such a field, is '%s'".formatted(path.text()));
      }
    }
  }

  private void checkModes(
      String field, CatalogNode modes, CatalogNode on, Map<String, CatalogNode> narrowed) {
    if (on.members().keySet().stream().noneMatch(kind -> has(kind, field))) {
      throw modes.fault("none of the model's kinds has such a field");
    }
    Set<String> known = new TreeSet<>();
    Stream.concat(
            Stream.of(narrowed),
            on.members().keySet().stream()
                .map(kind -> Objects.requireNonNull(kinds.get(kind)).fields()))
        .map(fields -> fields.get("mode"))
        .filter(mode -> mode != null && mode.isMapping() && mode.has("choice"))
        .forEach(mode -> known.addAll(mode.need("choice").words()));
    modes.items().forEach(mode -> mode.word(known));
  }

  private boolean has(String kind, String path) {
    return Objects.requireNonNull(kinds.get(kind)).fields().containsKey(path);
  }

  private static void model(
      String name,
      CatalogNode line,
      Map<String, CatalogNode> common,
      KindRow kind,
      CatalogNode own) {
    own.members(MODEL_ON_KIND);
    Map<String, CatalogNode> particular =
        own.get("fields", CatalogNode::members, Map.<String, CatalogNode>of());
    particular.forEach(
        (path, field) -> {
          if (!kind.fields().containsKey(path)) {
            throw field.fault("the kind has no such field");
          }
        });
    Map<String, CatalogNode> fields =
        FieldReader.over(FieldReader.over(kind.fields(), common), particular);
    Set<String> narrowed = new TreeSet<>();
    Stream.concat(common.keySet().stream(), particular.keySet().stream())
        .filter(kind.fields()::containsKey)
        .forEach(path -> narrowed.add(path.replaceFirst("[.\\[].*", "")));
    Set<String> ignored = new TreeSet<>(words(line, "ignored"));
    ignored.addAll(words(own, "ignored"));
    Map<String, List<String>> modes = new LinkedHashMap<>();
    line.get("modes", CatalogNode::members, Map.<String, CatalogNode>of())
        .forEach((field, of) -> modes.put(field, of.words()));
    CatalogNode contents = own.has("contents") ? own.get("contents") : line.get("contents");
    CatalogNode retired = own.has("retired") ? own.get("retired") : line.get("retired");
    kind.models()
        .add(
            new Model(
                name,
                own.has("also") ? own.need("also").text() : null,
                FieldReader.read(fields),
                narrowed,
                modes,
                ignored,
                contents == null ? kind.contents() : Contents.read(contents),
                takes(line, kind.route().dialect(), kind.takes()),
                retired == null || retired.text().equals(NEVER) ? null : retired.day()));
  }

  private static List<String> words(CatalogNode line, String name) {
    return line.get(name, CatalogNode::words, List.<String>of());
  }

  private static Kind kind(KindRow row) {
    CatalogNode line = row.line();
    List<Field> fields = FieldReader.read(row.fields());
    CatalogNode defaultModel = line.get("default_model");
    if (defaultModel != null
        && row.models().stream().noneMatch(m -> m.name().equals(defaultModel.text()))) {
      throw defaultModel.fault("there is no model %s of this kind".formatted(defaultModel.text()));
    }
    Model common =
        new Model(
            "", null, fields, Set.of(), Map.of(), Set.of(), row.contents(), row.takes(), null);
    return new Kind(
        row.route(),
        Family.values()[FAMILIES.indexOf(line.need("family").word(FAMILIES))],
        line.need("results").words(),
        fields,
        row.models(),
        defaultModel == null ? null : defaultModel.text(),
        line.get("rules", CatalogNode::items, List.<CatalogNode>of()).stream()
            .map(rule -> Rule.read(rule, row.fields().keySet()))
            .toList(),
        common);
  }

  private static SyncPath.Use use(CatalogNode word) {
    List<String> known =
        Stream.of(SyncPath.Use.values())
            .map(use -> use.name().toLowerCase(Locale.ROOT).replace('_', '-'))
            .toList();
    return SyncPath.Use.values()[known.indexOf(word.word(known))];
  }

  /** What has no price counts the dearest known of such calls. */
  private List<SyncPath> sync() {
    Map<String, CatalogNode> paths = root.need("sync").members();
    BigDecimal dearest =
        paths.values().stream()
            .map(line -> line.get("units", CatalogNode::amount, BigDecimal.ZERO))
            .reduce(BigDecimal.ZERO, BigDecimal::max);
    List<SyncPath> all = new ArrayList<>();
    paths.forEach(
        (path, line) -> {
          line.members(List.of("media", "use", "units"));
          all.add(
              new SyncPath(
                  path,
                  line.get("media", CatalogNode::flag, false),
                  line.get("use", CatalogReader::use, SyncPath.Use.MAKES),
                  line.get("units", CatalogNode::amount, dearest)));
        });
    return all;
  }
}
