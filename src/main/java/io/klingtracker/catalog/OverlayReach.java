package io.klingtracker.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What an overlay changes of models: in their rows, in that of a model they are like, in their
 * kinds and what these share with others, and in prices.
 *
 * @param builtIn the file without it
 * @param over what it says
 * @param whole the one over the other
 */
record OverlayReach(CatalogNode builtIn, CatalogNode over, CatalogNode whole) {

  private static final String KINDS = "kinds";
  private static final String MODELS = "models";

  /** The names of models of which something is changed. */
  Set<String> models(List<Kind> kinds) {
    Set<String> changedKinds = new TreeSet<>();
    over.get(KINDS, CatalogNode::members, Map.<String, CatalogNode>of()).keySet().stream()
        .filter(kind -> isChanged(KINDS, kind))
        .forEach(changedKinds::add);
    kinds.stream()
        .filter(this::isChangedByWhatItShares)
        .forEach(kind -> changedKinds.add(kind.name()));
    Set<String> models = new TreeSet<>();
    whole
        .need(MODELS)
        .members()
        .forEach(
            (name, row) -> {
              Set<String> own = new TreeSet<>();
              kinds.stream()
                  .filter(kind -> kind.model(name).isPresent())
                  .forEach(kind -> own.add(kind.name()));
              boolean priced = isPriced(name, own);
              // One that was taken out is none of its kinds any more.
              CatalogNode before = builtIn.need(MODELS).get(name);
              if (before != null && before.has(KINDS)) {
                own.addAll(before.need(KINDS).members().keySet());
              }
              if (priced
                  || isChanged(MODELS, name)
                  || row.has("like") && isChanged(MODELS, row.need("like").text())
                  || own.stream().anyMatch(changedKinds::contains)) {
                models.add(name);
              }
            });
    return models;
  }

  private boolean isChangedByWhatItShares(Kind kind) {
    CatalogNode row = whole.need(KINDS).need(kind.name());
    String dialect = kind.dialect() == Kind.Dialect.NEWER ? "newer" : "legacy";
    return row.get("with", CatalogNode::items, List.<CatalogNode>of()).stream()
            .anyMatch(group -> isChanged("groups", group.text()))
        || isChanged("common", dialect)
        || kind.fields().stream().anyMatch(field -> field.name().equals("contents"))
            && isChanged("parts");
  }

  private boolean isPriced(String model, Set<String> kinds) {
    return over.get("prices", CatalogNode::items, List.<CatalogNode>of()).stream()
        .anyMatch(
            price ->
                price.need(KINDS).words().stream().anyMatch(kinds::contains)
                    && List.of("*", model).contains(price.get("model", CatalogNode::text, "*")));
  }

  /** Whether it says something else at a place, as names, than there is without it. */
  private boolean isChanged(String... place) {
    CatalogNode before = builtIn;
    CatalogNode after = over;
    for (String name : place) {
      before = inner(before, name);
      after = inner(after, name);
    }
    if (after == null || before == null) {
      return after != null && !after.isNone();
    }
    List<Catalog.Change> changes = new ArrayList<>();
    before.compare(after, Set.of(), changes);
    return !changes.isEmpty();
  }

  private static @Nullable CatalogNode inner(@Nullable CatalogNode node, String name) {
    return node != null && node.isMapping() ? node.get(name) : null;
  }
}
