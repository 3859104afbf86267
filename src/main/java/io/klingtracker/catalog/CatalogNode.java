package io.klingtracker.catalog;

import io.klingtracker.json.Excerpts;
import java.io.StringReader;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.reader.ReaderException;
import org.yaml.snakeyaml.reader.StreamReader;

/**
 * A value in a file of the catalogue, and its place there, so that every error names the place.
 * Words are read as they are written: {@code on}, {@code 3.0} and {@code 16:9} stay text until
 * somebody wants a number.
 */
final class CatalogNode {

  /** In code points; the built-in file has some thirty thousand. */
  static final int MAX_TEXT = 1_000_000;

  /** Deeper than the format has use for. */
  private static final int MAX_DEPTH = 20;

  private static final Pattern RANGE =
      Pattern.compile("(-?[0-9]+(?:\\.[0-9]+)?)(\\.\\.(-?[0-9]+(?:\\.[0-9]+)?)?)?");

  private final String where;
  private final String path;
  private final @Nullable String text;
  private final @Nullable Map<String, CatalogNode> members;
  private final @Nullable List<CatalogNode> items;

  private CatalogNode(
      String where,
      String path,
      @Nullable String text,
      @Nullable Map<String, CatalogNode> members,
      @Nullable List<CatalogNode> items) {
    this.where = where;
    this.path = path;
    this.text = text;
    this.members = members;
    this.items = items;
  }

  /** Bounds of a number, ends included; no upper one is null. */
  record Range(BigDecimal min, @Nullable BigDecimal max) {}

  /**
   * Reads a file; an empty one is a mapping without members.
   *
   * @param file its name, for messages
   * @throws CatalogFault when it is no YAML
   */
  static CatalogNode parse(String file, String yaml) {
    LoaderOptions options = new LoaderOptions();
    options.setCodePointLimit(MAX_TEXT);
    options.setNestingDepthLimit(MAX_DEPTH);
    try {
      Node root = new Yaml(options).compose(new StringReader(yaml));
      return root == null || isNone(root)
          ? new CatalogNode(file, "", null, new LinkedHashMap<>(), null)
          : of(file, "", root);
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 0 : e.getProblemMark().getLine() + 1;
      throw new CatalogFault("%s line %s: %s".formatted(file, line, firstLine(e.getProblem())));
    } catch (ReaderException e) {
      // Its own position is one within what it has read of the file at a time.
      long line =
          1 + yaml.codePoints().takeWhile(StreamReader::isPrintable).filter(c -> c == '\n').count();
      throw new CatalogFault("%s line %s: %s".formatted(file, line, firstLine(e.getMessage())));
    } catch (YAMLException e) {
      throw new CatalogFault(file + ": " + firstLine(e.getMessage()));
    }
  }

  private static CatalogNode of(String file, String path, Node node) {
    String where = file + " line " + (node.getStartMark().getLine() + 1);
    if (node.getAnchor() != null) {
      throw new CatalogFault(where + ", " + shown(path) + ": anchors are not read; write it out");
    }
    if (node instanceof MappingNode mapping) {
      Map<String, CatalogNode> members = new LinkedHashMap<>();
      for (NodeTuple tuple : mapping.getValue()) {
        String at = file + " line " + (tuple.getKeyNode().getStartMark().getLine() + 1);
        if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
          throw new CatalogFault(at + ", " + shown(path) + ": a name must be a word");
        }
        String inner = path.isEmpty() ? key.getValue() : path + "." + key.getValue();
        if (members.put(key.getValue(), of(file, inner, tuple.getValueNode())) != null) {
          throw new CatalogFault(at + ", " + inner + ": is there twice; take one out");
        }
      }
      return new CatalogNode(where, path, null, members, null);
    }
    if (node instanceof SequenceNode sequence) {
      List<CatalogNode> items = new ArrayList<>();
      for (Node item : sequence.getValue()) {
        items.add(of(file, path + "[" + items.size() + "]", item));
      }
      return new CatalogNode(where, path, null, null, items);
    }
    String text =
        node instanceof ScalarNode scalar && !isNone(scalar) ? scalar.getValue().strip() : null;
    return new CatalogNode(where, path, text, null, null);
  }

  private static boolean isNone(Node node) {
    return node instanceof ScalarNode && Tag.NULL.equals(node.getTag());
  }

  private static String firstLine(@Nullable String text) {
    return text == null ? "is no YAML" : text.lines().findFirst().orElse("is no YAML");
  }

  /**
   * This with another file's value over it: mappings are merged by name, {@code ~} takes a name
   * out, anything else takes the place of what was there.
   *
   * @param above which of a mapping's members are lists of which the other's items come first
   */
  CatalogNode under(CatalogNode other, Set<String> above) {
    if (members != null && other.members != null) {
      Map<String, CatalogNode> both = new LinkedHashMap<>(members);
      other.members.forEach(
          (name, value) -> {
            CatalogNode own = both.get(name);
            if (value.isNone()) {
              both.remove(name);
            } else {
              both.put(name, own == null ? value : own.under(value, above));
            }
          });
      return new CatalogNode(other.where, path, null, both, null);
    }
    if (items != null && other.items != null && above.contains(path)) {
      List<CatalogNode> both = new ArrayList<>(other.items);
      both.addAll(items);
      return new CatalogNode(other.where, path, null, null, both);
    }
    return other;
  }

  /** What would change if the other were over this, value by value. */
  void compare(CatalogNode other, Set<String> above, List<Catalog.Change> changes) {
    if (members != null && other.members != null) {
      other.members.forEach(
          (name, value) -> {
            CatalogNode own = members.get(name);
            if (own != null) {
              own.compare(value, above, changes);
            } else if (!value.isNone()) {
              changes.add(new Catalog.Change(value.path, null, value.toString()));
            }
          });
    } else if (items != null && other.items != null && above.contains(path)) {
      other.items.forEach(
          item -> changes.add(new Catalog.Change(item.path, null, item.toString())));
    } else if (!toString().equals(other.toString())) {
      changes.add(new Catalog.Change(path, toString(), other.toString()));
    }
  }

  /** Whether it is from a file. */
  boolean isIn(String file) {
    return where.startsWith(file + " line ");
  }

  /** File and line, and the place as names. */
  String place() {
    return where + ", " + shown(path);
  }

  /** Whether a value is inside of this, and was not laid under it. */
  boolean holds(CatalogNode inner) {
    return inner.path.startsWith(path + ".");
  }

  /** The names that are taken out here, whatever they are inside of. */
  Map<String, CatalogNode> takenOut() {
    Map<String, CatalogNode> out = new LinkedHashMap<>();
    if (members != null) {
      members.forEach(
          (name, member) -> {
            if (member.isNone()) {
              out.putIfAbsent(name, member);
            } else {
              member.takenOut().forEach(out::putIfAbsent);
            }
          });
    }
    return out;
  }

  /** The names of a member that are taken out. */
  Set<String> takenOut(String name) {
    Set<String> out = new TreeSet<>();
    get(name, CatalogNode::members, Map.<String, CatalogNode>of())
        .forEach(
            (inner, value) -> {
              if (value.isNone()) {
                out.add(inner);
              }
            });
    return out;
  }

  /** Other items in the place of this. */
  CatalogNode withItems(List<CatalogNode> others) {
    return new CatalogNode(where, path, null, null, others);
  }

  /** Other members in the place of this. */
  CatalogNode with(Map<String, CatalogNode> others) {
    return new CatalogNode(where, path, null, others, null);
  }

  /** True for {@code ~} and for nothing. */
  boolean isNone() {
    return text == null && members == null && items == null;
  }

  boolean isMapping() {
    return members != null;
  }

  boolean isList() {
    return items != null;
  }

  /** Its names and values, whatever the names are. */
  Map<String, CatalogNode> members() {
    if (members == null) {
      throw fault("must have names and values");
    }
    return members;
  }

  /** Its names and values; a name that is not one of these is refused. */
  Map<String, CatalogNode> members(Collection<String> known) {
    for (Map.Entry<String, CatalogNode> member : members().entrySet()) {
      if (!known.contains(member.getKey())) {
        throw member
            .getValue()
            .fault("is no name that is known here; " + oneOf(new TreeSet<>(known)));
      }
    }
    return members();
  }

  /** A member, or null. */
  @Nullable CatalogNode get(String name) {
    return members().get(name);
  }

  /** What a member is read as; the default where there is none. */
  <T> T get(String name, Function<CatalogNode, T> read, T defaultValue) {
    CatalogNode member = members().get(name);
    return member == null || member.isNone() ? defaultValue : read.apply(member);
  }

  /** Whether there is such a member, and it is not none. */
  boolean has(String name) {
    CatalogNode member = members().get(name);
    return member != null && !member.isNone();
  }

  /** A member that has to be there. */
  CatalogNode need(String name) {
    CatalogNode member = members().get(name);
    if (member == null || member.isNone()) {
      throw fault("needs " + name);
    }
    return member;
  }

  /** The items of a list. */
  List<CatalogNode> items() {
    if (items == null) {
      throw fault("must be a list, such as [a, b]");
    }
    return items;
  }

  /** The words of a list, one at least, or a single word. */
  List<String> words() {
    if (items != null && items.isEmpty()) {
      throw fault("must hold one at least");
    }
    return text == null ? items().stream().map(CatalogNode::text).toList() : List.of(text);
  }

  /** A word as it is written. */
  String text() {
    if (text == null || text.isEmpty()) {
      throw fault("must be a word or text");
    }
    return text;
  }

  /** One of some words. */
  String word(Collection<String> known) {
    if (!known.contains(text())) {
      throw refused(oneOf(known));
    }
    return text();
  }

  boolean flag() {
    return word(List.of("true", "false")).equals("true");
  }

  /** A number of at least zero, such as a price. */
  BigDecimal amount() {
    if (!text().matches("[0-9]{1,9}(\\.[0-9]{1,9})?")) {
      throw refused("must be a number such as 0.6");
    }
    return new BigDecimal(text());
  }

  /** A whole number from 1. */
  int whole() {
    if (!text().matches("[1-9][0-9]{0,8}")) {
      throw refused("must be a whole number from 1");
    }
    return Integer.parseInt(text());
  }

  /** A day of UTC. */
  LocalDate day() {
    try {
      return LocalDate.parse(text());
    } catch (DateTimeException e) {
      throw refused("must be a day such as 2026-09-15");
    }
  }

  /** {@code 3..15}, {@code 3..} or {@code 3}, which is both ends. */
  Range range() {
    Matcher range = RANGE.matcher(text());
    if (range.matches()) {
      BigDecimal min = new BigDecimal(range.group(1));
      String end = range.group(2) == null ? range.group(1) : range.group(3);
      BigDecimal max = end == null ? null : new BigDecimal(end);
      if (max == null || min.compareTo(max) <= 0) {
        return new Range(min, max);
      }
    }
    throw refused("must be a range such as 3..15, 3.. or 3");
  }

  /** What is wrong with it, with its place. */
  CatalogFault fault(String rule) {
    return new CatalogFault(place() + ": " + rule);
  }

  /** As it would be written in one line. */
  @Override
  public String toString() {
    if (members != null) {
      List<String> written = new ArrayList<>();
      members.forEach((name, value) -> written.add(name + ": " + value));
      return "{" + String.join(", ", written) + "}";
    }
    return items != null ? items.toString() : text == null ? "~" : text;
  }

  /** What is wrong with a word, and the word. */
  CatalogFault refused(String rule) {
    return fault("%s, is '%s'".formatted(rule, Excerpts.shorten(text(), 60)));
  }

  private static String oneOf(Collection<String> words) {
    return "must be one of " + String.join(", ", words);
  }

  private static String shown(String path) {
    return path.isEmpty() ? "the whole file" : path;
  }
}
