package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.json.Empty;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What {@code contents} of the newer generation may hold: how many parts of which types.
 *
 * @param limits by the types whose parts are counted together
 * @param open whether parts of other types pass
 * @param parts every type that there is, and the field that such a part is made of
 */
record Contents(List<Limit> limits, boolean open, Map<String, String> parts) {

  /** Counts every part. */
  private static final String TOTAL = "total";

  private static final String OTHERS = "others";

  /** Of which field a part is made nobody says. */
  static final String ANY = "any";

  /** How many parts of some types there may be; no types are all of them. */
  record Limit(List<String> types, int min, int max) {

    String rule() {
      String of = types.isEmpty() ? "in all" : "of type " + String.join(" or ", types);
      if (max == FieldType.Items.MAX) {
        return (min == 0 ? "any number " : "at least " + min + " ") + of;
      }
      return min == 0 ? "at most %s %s".formatted(max, of) : "%s to %s %s".formatted(min, max, of);
    }
  }

  /** Reads {@code {prompt: 1, first_frame+last_frame: 0..2, others: true, total: 0..20}}. */
  static Contents read(CatalogNode lines, Map<String, String> parts) {
    List<Limit> limits = new ArrayList<>();
    boolean open = false;
    for (Map.Entry<String, CatalogNode> line : lines.members().entrySet()) {
      if (line.getKey().equals(OTHERS)) {
        open = line.getValue().flag();
        continue;
      }
      boolean total = line.getKey().equals(TOTAL);
      List<String> types = total ? List.of() : List.of(line.getKey().split("\\+", -1));
      for (String type : types) {
        if (!parts.containsKey(type)) {
          throw line.getValue()
              .fault("there is no part %s; give it a row in parts".formatted(type));
        }
      }
      CatalogNode.Range range = line.getValue().range();
      int max = FieldReader.end(line.getValue(), range, 0, FieldType.Items.MAX).intValueExact();
      limits.add(new Limit(types, range.min().intValue(), max));
    }
    if (limits.isEmpty() && !open) {
      throw lines.fault("needs a part at least, or others: true");
    }
    return new Contents(List.copyOf(limits), open, parts);
  }

  /** The limits in one sentence. */
  String doc() {
    return "contents holds " + String.join(", ", limits.stream().map(Limit::rule).toList());
  }

  void check(JsonNode contents, Findings findings) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    for (int i = 0; i < contents.size(); i++) {
      JsonNode part = contents.get(i);
      String type = part.path("type").asText("");
      if (type.isEmpty()) {
        // Its own field has refused it.
        continue;
      }
      if (!open && !types().contains(type)) {
        findings.refuse(
            "contents[" + i + "].type",
            part.get("type"),
            "must be one of " + String.join(", ", types()));
      }
      String value = parts.getOrDefault(type, ANY);
      if (types().contains(type) && !value.equals(ANY) && Empty.is(part.path(value))) {
        findings.missing("contents[%s].%s".formatted(i, value), "it is required with type " + type);
      }
      counts.merge(type, 1, Integer::sum);
    }
    for (Limit limit : limits) {
      check(limit, counts, contents, findings);
    }
  }

  private void check(
      Limit limit, Map<String, Integer> counts, JsonNode contents, Findings findings) {
    int count =
        counts.entrySet().stream()
            .filter(type -> limit.types.isEmpty() || limit.types.contains(type.getKey()))
            .mapToInt(Map.Entry::getValue)
            .sum();
    if (count < limit.min) {
      findings.missing("contents", limit.rule() + " is required, there are " + count);
    } else if (count > limit.max) {
      findings.refuse("contents", contents, "must hold %s, has %s".formatted(limit.rule(), count));
    }
  }

  private Set<String> types() {
    Set<String> types = new LinkedHashSet<>();
    limits.forEach(limit -> types.addAll(limit.types));
    return types;
  }
}
