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
import java.util.regex.Pattern;
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
          "format", "version", "common", "groups", "parts", "kinds", "models", "prices", "money",
          "sync", "errors");
  private static final String BUILT_IN = "catalog.yaml";
  private static final String KINDS = "kinds";
  private static final String MODELS = "models";
  private static final String CONTENTS = "contents";

  /** The arrays that Kling's results are in. */
  private static final List<String> RESULTS =
      List.of("videos", "images", "series_images", "audios", "voices", "elements");

  private static final String KIND_NAME = "[a-z0-9-]+(/[a-z0-9-]+)*";
  private static final String MODEL_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*";
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
  private final Map<String, String> parts = new LinkedHashMap<>();
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
    CatalogNode root = CatalogNode.parse(BUILT_IN, builtIn);
    String version = root.need("version").text();
    List<Catalog.Change> changes = new ArrayList<>();
    if (overlay == null) {
      return new CatalogReader(root).catalog(version, changes, null);
    }
    CatalogNode over = CatalogNode.parse(overlay.file(), overlay.text());
    over.members(TABLES);
    if (over.has("errors")) {
      ErrorClasses.checkOverlay(over.need("errors"));
    }
    version += "+" + over.get("version", CatalogNode::text, digest(overlay.text()));
    root.compare(over, PRICES_FIRST, changes);
    try {
      CatalogNode whole = without(root, over).under(over, PRICES_FIRST);
      return new CatalogReader(whole)
          .catalog(version, changes, new OverlayReach(root, over, whole));
    } catch (CatalogFault e) {
      throw blamed(e, overlay.file(), over);
    }
  }

  /** The built-in file's rows say nothing of the kinds and models that are taken out. */
  private static CatalogNode without(CatalogNode root, CatalogNode over) {
    Set<String> goneKinds = over.takenOut(KINDS);
    Set<String> goneModels = over.takenOut(MODELS);
    if (goneKinds.isEmpty() && goneModels.isEmpty()) {
      return root;
    }
    Set<String> named =
        over.get(MODELS, CatalogNode::members, Map.<String, CatalogNode>of()).keySet();
    Map<String, CatalogNode> models = new LinkedHashMap<>();
    root.need(MODELS)
        .members()
        .forEach(
            (name, row) -> {
              CatalogNode left = row.has(KINDS) ? without(row, goneKinds) : row;
              if (!left.has(KINDS)
                  || !left.need(KINDS).members().isEmpty()
                  || named.contains(name)) {
                models.put(name, left);
              }
            });
    List<CatalogNode> prices =
        root.need("prices").items().stream()
            .filter(row -> !row.has("model") || !goneModels.contains(row.need("model").text()))
            .filter(row -> !goneKinds.containsAll(row.need(KINDS).words()))
            .map(row -> without(row, goneKinds))
            .toList();
    Map<String, CatalogNode> tables = new LinkedHashMap<>(root.members());
    tables.put(MODELS, root.need(MODELS).with(models));
    tables.put("prices", root.need("prices").withItems(prices));
    return root.with(tables);
  }

  /** A row of models or of prices without some kinds. */
  private static CatalogNode without(CatalogNode row, Set<String> goneKinds) {
    CatalogNode kinds = row.need(KINDS);
    Map<String, CatalogNode> members = new LinkedHashMap<>(row.members());
    if (kinds.isMapping()) {
      Map<String, CatalogNode> left = new LinkedHashMap<>(kinds.members());
      left.keySet().removeAll(goneKinds);
      members.put(KINDS, kinds.with(left));
    } else if (kinds.isList()) {
      members.put(
          KINDS,
          kinds.withItems(
              kinds.items().stream().filter(kind -> !goneKinds.contains(kind.text())).toList()));
    }
    return row.with(members);
  }

  /** What an overlay makes wrong in the built-in file, with the place in the overlay. */
  private static CatalogFault blamed(CatalogFault fault, String file, CatalogNode over) {
    String message = String.valueOf(fault.getMessage());
    if (message.startsWith(file)) {
      return fault;
    }
    return over.takenOut().entrySet().stream()
        .filter(
            out -> message.matches(".*(?<![\\w-])" + Pattern.quote(out.getKey()) + "(?![\\w-]).*"))
        .findFirst()
        .map(out -> out.getValue().fault("is taken out, and " + message))
        .orElseGet(() -> new CatalogFault(file + " line 1, the whole file: with it, " + message));
  }

  /** A file over the built-in one, by its name, and what it holds. */
  record Overlay(String file, String text) {}

  /** Eight hex digits by which a file's text is known again. */
  static String digest(String text) {
    byte[] digest = Hashes.sha256(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest, 0, 4);
  }

  private Catalog catalog(
      String version, List<Catalog.Change> changes, @Nullable OverlayReach reach) {
    root.members(TABLES);
    root.need("format").word(List.of(FORMAT));
    root.need("parts")
        .members()
        .forEach(
            (type, field) -> parts.put(type, field.word(List.of("text", "url", Contents.ANY))));
    root.need(KINDS).members().forEach(this::kind);
    root.need(MODELS).members().forEach(this::model);
    checkRoutes();
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
        AnswerTable.read((reach == null ? root : reach.builtIn()).need("errors")),
        changes,
        reach == null ? Set.of() : reach.models(all));
  }

  /** No two kinds, and no kind and synchronous path, are one path. */
  private void checkRoutes() {
    Map<String, CatalogNode> taken = new LinkedHashMap<>(root.need("sync").members());
    kinds
        .values()
        .forEach(
            kind -> {
              CatalogNode route = kind.line().need("route");
              CatalogNode other = taken.put(kind.route().path(), route);
              if (other != null) {
                CatalogNode first = route.isIn(BUILT_IN) ? other : route;
                throw first.fault(
                    "is the same path as that of %s; change one"
                        .formatted((first == route ? other : route).place()));
              }
            });
  }

  private void kind(String name, CatalogNode line) {
    if (!name.matches(KIND_NAME)) {
      throw line.fault("must be named by small letters, digits, - and /");
    }
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
            contents(line, fields.keySet()),
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

  /** What a row says of {@code contents}; null for nothing. */
  private @Nullable Contents contents(CatalogNode line, Set<String> fields) {
    if (!line.has(CONTENTS)) {
      return null;
    }
    if (!fields.contains(CONTENTS)) {
      throw line.need(CONTENTS).fault("the kind has no contents");
    }
    return Contents.read(line.need(CONTENTS), parts);
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
    CatalogNode other = root.need(MODELS).get(like.text());
    if (other == null || other.has("like")) {
      throw like.refused("must be a model that is like no other");
    }
    return other.under(line, Set.of());
  }

  private void model(String name, CatalogNode row) {
    if (!name.matches(MODEL_NAME)) {
      throw row.fault("must be named by letters, digits, ., _ and -");
    }
    CatalogNode line = whole(row);
    Map<String, CatalogNode> narrowed =
        line.get("fields", CatalogNode::members, Map.<String, CatalogNode>of());
    CatalogNode on = line.need(KINDS);
    if (on.members(kinds.keySet()).isEmpty()) {
      throw on.fault("must hold one at least");
    }
    if (line.has(CONTENTS)
        && on.members().keySet().stream().noneMatch(kind -> has(kind, CONTENTS))) {
      throw line.need(CONTENTS).fault("none of the model's kinds has contents");
    }
    on.members()
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

  private void model(
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
    Contents contents = contents(own, kind.fields().keySet());
    if (contents == null && kind.fields().containsKey(CONTENTS)) {
      contents = contents(line, kind.fields().keySet());
    }
    CatalogNode retired = own.has("retired") ? own.get("retired") : line.get("retired");
    kind.models()
        .add(
            new Model(
                name,
                own.has("also") ? modelName(own.need("also")) : null,
                FieldReader.read(fields),
                narrowed,
                modes,
                ignored,
                contents == null ? kind.contents() : contents,
                takes(line, kind.route().dialect(), kind.takes()),
                retired == null || retired.text().equals(NEVER) ? null : retired.day()));
  }

  private static String modelName(CatalogNode word) {
    if (!word.text().matches(MODEL_NAME)) {
      throw word.refused("must be letters, digits, ., _ and -");
    }
    return word.text();
  }

  private static List<String> words(CatalogNode line, String name) {
    return line.get(name, CatalogNode::items, List.<CatalogNode>of()).stream()
        .map(CatalogNode::text)
        .toList();
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
        results(line.need("results")),
        fields,
        row.models(),
        defaultModel == null ? null : defaultModel.text(),
        line.get("rules", CatalogNode::items, List.<CatalogNode>of()).stream()
            .map(rule -> Rule.read(rule, row.fields().keySet()))
            .toList(),
        common);
  }

  private static List<String> results(CatalogNode arrays) {
    List<String> words = arrays.words();
    for (CatalogNode array : arrays.isList() ? arrays.items() : List.of(arrays)) {
      array.word(RESULTS);
    }
    return words;
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
          if (!path.matches("[a-z0-9-]+(/[a-z0-9-]+)+")) {
            throw line.fault("must be a path below /v1/, such as audio/tts");
          }
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
