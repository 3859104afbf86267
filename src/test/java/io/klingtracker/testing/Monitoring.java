package io.klingtracker.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What {@code k8s/monitoring} asks of Prometheus: rules, dashboards, and the metrics in them. */
public final class Monitoring {

  /** The rules, as the Prometheus operator takes them. */
  public static final Path RULES = Path.of("k8s/monitoring/rules.yaml");

  /** The cases of the alarms, as {@code promtool test rules} takes them. */
  public static final Path CASES = Path.of("k8s/monitoring/rules.test.yaml");

  /** The folder of Grafana's dashboards. */
  public static final Path DASHBOARDS = Path.of("k8s/monitoring/dashboards");

  /** What Prometheus itself makes. */
  public static final Set<String> OF_PROMETHEUS = Set.of("up", "ALERTS");

  /** Labels that Prometheus adds to all that it scrapes, or that a rule has. */
  public static final Set<String> TARGET_LABELS =
      Set.of("namespace", "job", "instance", "alertname", "alertstate", "severity");

  private static final Set<String> KEYWORDS =
      Set.of("and", "or", "unless", "bool", "inf", "nan", "offset");

  private static final Pattern GROUPING =
      Pattern.compile("\\b(by|without|on|ignoring|group_left|group_right)\\s*\\(([^)]*)\\)");
  private static final Pattern RANGE = Pattern.compile("\\[[^]]*]|\\boffset\\s+\\S+");
  private static final Pattern NUMBER =
      Pattern.compile("(?<![\\w:\".])[0-9][0-9.]*(e[0-9]+)?(?!\\w)");
  private static final Pattern METRIC =
      Pattern.compile("([a-zA-Z_:][\\w:]*)\\s*(\\{((?:\"[^\"]*\"|[^}\"])*)})?(\\s*\\()?");
  private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(=~|!~|!=|=)\\s*\"([^\"]*)\"");

  private static final YAMLMapper YAML = new YAMLMapper();
  private static final ObjectMapper JSON = new ObjectMapper();

  private Monitoring() {}

  /**
   * A condition on a label.
   *
   * @param operator {@code =}, {@code !=}, {@code =~} or {@code !~}
   */
  public record Condition(String label, String operator, String value) {}

  /** A metric in an expression. */
  public record Selector(String metric, List<Condition> conditions) {}

  /**
   * An expression.
   *
   * @param where the rule, or the dashboard's panel
   */
  public record Expression(String where, String text) {

    /** The labels that it groups by, or joins on. */
    public Set<String> grouping() {
      Set<String> labels = new TreeSet<>();
      Matcher grouping = GROUPING.matcher(text);
      while (grouping.find()) {
        Stream.of(grouping.group(2).split(",")).map(String::strip).forEach(labels::add);
      }
      labels.remove("");
      return labels;
    }

    /** The metrics that it reads, recorded ones among them. */
    public List<Selector> selectors() {
      String bare = RANGE.matcher(GROUPING.matcher(text).replaceAll(" ")).replaceAll(" ");
      List<Selector> selectors = new ArrayList<>();
      Matcher metric = METRIC.matcher(NUMBER.matcher(bare).replaceAll(" "));
      while (metric.find()) {
        if (metric.group(4) == null && !KEYWORDS.contains(metric.group(1))) {
          List<Condition> conditions = new ArrayList<>();
          Matcher condition = MATCHER.matcher(metric.group(3) == null ? "" : metric.group(3));
          while (condition.find()) {
            conditions.add(
                new Condition(condition.group(1), condition.group(2), condition.group(3)));
          }
          selectors.add(new Selector(metric.group(1), conditions));
        }
      }
      return selectors;
    }
  }

  /** All rules, in their order. */
  public static List<JsonNode> rules() {
    List<JsonNode> rules = new ArrayList<>();
    read(YAML, RULES)
        .at("/spec/groups")
        .forEach(group -> group.get("rules").forEach(rule -> rules.add(rule)));
    return rules;
  }

  /** The alarms by name. */
  public static Map<String, JsonNode> alarms() {
    Map<String, JsonNode> alarms = new LinkedHashMap<>();
    for (JsonNode rule : rules()) {
      if (rule.has("alert")) {
        alarms.put(rule.get("alert").asText(), rule);
      }
    }
    return alarms;
  }

  /** What rules record, by name. */
  public static Map<String, Expression> recorded() {
    Map<String, Expression> recorded = new LinkedHashMap<>();
    for (JsonNode rule : rules()) {
      if (rule.has("record")) {
        String name = rule.get("record").asText();
        recorded.put(name, new Expression(name, rule.get("expr").asText()));
      }
    }
    return recorded;
  }

  /** The cases of alarms. */
  public static JsonNode cases() {
    return read(YAML, CASES);
  }

  /** The dashboards by file. */
  public static Map<Path, JsonNode> dashboards() {
    try (Stream<Path> files = Files.list(DASHBOARDS)) {
      Map<Path, JsonNode> dashboards = new LinkedHashMap<>();
      files.sorted().forEach(file -> dashboards.put(file, read(JSON, file)));
      return dashboards;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Every expression of rules and dashboards. */
  public static List<Expression> expressions() {
    List<Expression> all = new ArrayList<>();
    for (JsonNode rule : rules()) {
      String name = rule.path("alert").asText(rule.path("record").asText());
      all.add(new Expression(name, rule.get("expr").asText()));
    }
    dashboards()
        .forEach(
            (file, dashboard) ->
                dashboard
                    .get("panels")
                    .forEach(
                        panel ->
                            panel
                                .path("targets")
                                .forEach(
                                    target ->
                                        all.add(
                                            new Expression(
                                                file.getFileName() + " " + panel.get("title"),
                                                target.get("expr").asText())))));
    return all;
  }

  private static JsonNode read(ObjectMapper mapper, Path file) {
    try {
      return mapper.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
