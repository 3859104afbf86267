package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.DecimalNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.klingtracker.catalog.CatalogNode.Range;
import io.klingtracker.catalog.Field.AppliesWhen;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Reads fields from lines such as {@code settings.duration: {seconds: 3..15, default: 5}}: a
 * field's name is its whole path in the body, {@code []} after what is a list.
 */
final class FieldReader {

  private static final String TYPE = "type";
  private static final String LIST = "[]";

  /** What a field may be, and takes no limits. */
  private static final Map<String, FieldType> PLAIN =
      Map.of(
          "any", new FieldType.Any(),
          "flag", new FieldType.Flag(),
          "id", new FieldType.Id(),
          "url", new FieldType.Url(),
          "never", new FieldType.Never(),
          "media", new FieldType.Media(0),
          "object", new FieldType.Shape(List.of()),
          "object-or-list", new FieldType.OneOrMore(new FieldType.Shape(List.of())));

  private static final Set<String> PLAIN_WORDS = new TreeSet<>(PLAIN.keySet());

  /** What a field may be within limits. */
  private static final Set<String> LIMITED =
      Set.of("text", "choice", "seconds", "number", "whole", "items", "own-id", "media");

  private static final String OR = "or";
  private static final Set<String> ATTRIBUTES = Set.of("required", "default", "when", "off", OR);

  private FieldReader() {}

  /**
   * The fields of a kind.
   *
   * @param lines by path; what is inside of another field comes after it
   */
  static List<Field> read(Map<String, CatalogNode> lines) {
    lines.forEach(
        (path, line) -> {
          String outer = outer(path);
          if (!outer.isEmpty() && !lines.containsKey(outer)) {
            throw line.fault("is inside of " + outer + ", which is no field here");
          }
        });
    return inside("", lines);
  }

  /** A kind's lines with a model's over them; what a line does not say stays the kind's. */
  static Map<String, CatalogNode> over(
      Map<String, CatalogNode> lines, Map<String, CatalogNode> narrower) {
    Map<String, CatalogNode> both = new LinkedHashMap<>(lines);
    narrower.forEach(
        (path, line) -> {
          CatalogNode common = both.get(path);
          if (common != null) {
            both.put(path, over(common, line));
          }
        });
    return both;
  }

  private static CatalogNode over(CatalogNode common, CatalogNode line) {
    Map<String, CatalogNode> both = new LinkedHashMap<>(attributes(common));
    Map<String, CatalogNode> own = attributes(line);
    if (own.keySet().stream().anyMatch(FieldReader::isType)) {
      both.keySet().removeIf(name -> isType(name) || name.equals(OR));
    }
    both.putAll(own);
    return line.with(both);
  }

  private static Map<String, CatalogNode> attributes(CatalogNode line) {
    return line.isMapping() ? line.members() : Map.of(TYPE, line);
  }

  private static boolean isType(String name) {
    return name.equals(TYPE) || LIMITED.contains(name);
  }

  private static String outer(String path) {
    if (path.endsWith(LIST)) {
      return path.substring(0, path.length() - LIST.length());
    }
    int dot = path.lastIndexOf('.');
    String outer = dot < 0 ? "" : path.substring(0, dot);
    // An object in a list needs no line of its own.
    return outer.endsWith(LIST) ? outer.substring(0, outer.length() - LIST.length()) : outer;
  }

  private static List<Field> inside(String prefix, Map<String, CatalogNode> lines) {
    List<Field> fields = new ArrayList<>();
    lines.forEach(
        (path, line) -> {
          String name = path.startsWith(prefix) ? path.substring(prefix.length()) : "";
          if (!name.isEmpty() && !name.contains(".") && !name.contains(LIST)) {
            fields.add(field(name, path, line, lines));
          }
        });
    return List.copyOf(fields);
  }

  private static Field field(
      String name, String path, CatalogNode line, Map<String, CatalogNode> lines) {
    FieldType type = type(path, line, lines);
    if (!line.isMapping()) {
      return Field.optional(name, type);
    }
    boolean required = line.get("required", CatalogNode::flag, false);
    return new Field(
        name,
        type,
        required ? Field.Need.REQUIRED : Field.Need.OPTIONAL,
        line.has("default") ? assumed(line, type) : null,
        line.get("when", FieldReader::when, AppliesWhen.ALWAYS));
  }

  /** What Kling assumes for a kind, a narrower model may refuse; a line's own default it takes. */
  private static String assumed(CatalogNode line, FieldType type) {
    CatalogNode value = line.need("default");
    if (line.holds(value) && !isTaken(type, TextNode.valueOf(value.text()))) {
      boolean number = value.text().matches("-?[0-9]{1,9}(\\.[0-9]{1,9})?");
      JsonNode read = number ? DecimalNode.valueOf(new BigDecimal(value.text())) : null;
      JsonNode whole =
          number && !value.text().contains(".")
              ? LongNode.valueOf(Long.parseLong(value.text()))
              : null;
      if ((read == null || !isTaken(type, read)) && (whole == null || !isTaken(type, whole))) {
        throw value.refused(type.rule());
      }
    }
    return value.text();
  }

  private static boolean isTaken(FieldType type, JsonNode value) {
    Findings findings = new Findings(LocalDate.EPOCH);
    type.check("default", value, findings);
    return findings.none();
  }

  private static AppliesWhen when(CatalogNode word) {
    List<String> known = new ArrayList<>();
    for (AppliesWhen when : AppliesWhen.values()) {
      known.add(when.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
    return AppliesWhen.values()[known.indexOf(word.word(known))];
  }

  private static FieldType type(String path, CatalogNode line, Map<String, CatalogNode> lines) {
    if (!line.isMapping()) {
      return nested(PLAIN.get(line.word(PLAIN_WORDS)), path, lines);
    }
    Set<String> known = new TreeSet<>(LIMITED);
    known.add(TYPE);
    Set<String> types = new TreeSet<>(known);
    known.addAll(ATTRIBUTES);
    types.retainAll(line.members(known).keySet());
    if (types.size() != 1) {
      throw line.fault("needs one of " + String.join(", ", new TreeSet<>(LIMITED)) + ", type");
    }
    String word = types.iterator().next();
    FieldType type = limited(word, line.need(word), line, path, lines);
    Map<String, LocalDate> off = off(line);
    return off.isEmpty() ? type : new FieldType.Without(type, off);
  }

  private static Map<String, LocalDate> off(CatalogNode line) {
    Map<String, LocalDate> off = new LinkedHashMap<>();
    CatalogNode words = line.get("off");
    if (words != null) {
      words.members().forEach((word, day) -> off.put(word, day.day()));
    }
    return off;
  }

  private static FieldType limited(
      String word,
      CatalogNode limit,
      CatalogNode line,
      String path,
      Map<String, CatalogNode> lines) {
    return switch (word) {
      case "text" -> new FieldType.Text(limit.whole());
      case "media" -> new FieldType.Media(limit.whole());
      case "own-id" -> new FieldType.OwnId(limit.whole());
      case "choice" -> new FieldType.Choice(limit.words());
      case "seconds" -> seconds(limit);
      case "number" -> number(limit);
      case "whole" -> whole(limit, line.get(OR));
      case "items" -> items(limit, path, lines);
      default -> nested(PLAIN.get(limit.word(PLAIN_WORDS)), path, lines);
    };
  }

  private static FieldType seconds(CatalogNode limit) {
    if (limit.isList()) {
      limit.words();
      return FieldType.Seconds.of(
          limit.items().stream().map(CatalogNode::whole).toArray(Integer[]::new));
    }
    Range range = limit.range();
    int max = end(limit, range, 0, FieldType.Seconds.MAX).intValueExact();
    return FieldType.Seconds.between(range.min().intValueExact(), max);
  }

  private static FieldType number(CatalogNode limit) {
    Range range = limit.range();
    if (range.max() == null) {
      throw limit.fault("needs both ends, such as 0..1");
    }
    return new FieldType.Decimal(range.min(), range.max());
  }

  private static FieldType whole(CatalogNode limit, @Nullable CatalogNode word) {
    Range range = limit.range();
    long max = end(limit, range, -Integer.MAX_VALUE, Integer.MAX_VALUE).longValueExact();
    long min = range.min().longValueExact();
    return word == null
        ? new FieldType.Whole(min, max)
        : new FieldType.WholeOr(min, max, word.text());
  }

  /** The upper end of a range of whole numbers, both of which are within bounds. */
  static BigDecimal end(CatalogNode limit, Range range, int least, int most) {
    BigDecimal max = range.max() == null ? BigDecimal.valueOf(most) : range.max();
    if (range.min().compareTo(BigDecimal.valueOf(least)) < 0) {
      throw limit.fault("must be whole numbers from " + least);
    }
    if (range.min().scale() > 0 || max.scale() > 0 || max.compareTo(BigDecimal.valueOf(most)) > 0) {
      throw limit.fault("must be whole numbers up to " + most);
    }
    return max;
  }

  private static FieldType items(CatalogNode limit, String path, Map<String, CatalogNode> lines) {
    Range range = limit.range();
    int max = end(limit, range, 0, FieldType.Items.MAX).intValueExact();
    CatalogNode item = lines.get(path + LIST);
    FieldType of =
        item == null
            ? new FieldType.Shape(inside(path + LIST + ".", lines))
            : type(path + LIST, item, lines);
    return new FieldType.Items(range.min().intValueExact(), max, of);
  }

  private static FieldType nested(
      @Nullable FieldType plain, String path, Map<String, CatalogNode> lines) {
    if (plain instanceof FieldType.Shape) {
      return new FieldType.Shape(inside(path + ".", lines));
    }
    if (plain instanceof FieldType.OneOrMore) {
      return new FieldType.OneOrMore(new FieldType.Shape(inside(path + ".", lines)));
    }
    return Objects.requireNonNull(plain, path);
  }
}
