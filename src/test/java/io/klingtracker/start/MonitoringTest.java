package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.klingtracker.testing.Monitoring;
import io.klingtracker.testing.Monitoring.Expression;
import io.klingtracker.testing.Monitoring.Selector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Alarms lead to the page that says what to do, and dashboards show what is there. */
class MonitoringTest {

  private static final YAMLMapper YAML = new YAMLMapper();

  /** Read aloud, a minute. */
  private static final int WORDS = 170;

  private static final List<String> PARTS = List.of("**Means**: ", "**Look**: ", "**Do**: ");

  @Test
  void every_alarm_says_how_bad_it_is_and_leads_to_its_section() {
    Map<String, String> sections = sections();
    List<String> faults = new ArrayList<>();
    Monitoring.alarms()
        .forEach(
            (name, alarm) -> {
              if (!Set.of("page", "ticket").contains(alarm.at("/labels/severity").asText())) {
                faults.add(name + " has no severity");
              }
              if (alarm.at("/annotations/summary").asText().length() < 40) {
                faults.add(name + " says too little");
              }
              assertEquals(
                  Documents.page("operations.md") + "#" + name.toLowerCase(Locale.ROOT),
                  alarm.at("/annotations/runbook_url").asText());
            });
    assertEquals(List.of(), faults);
    assertEquals(Monitoring.alarms().keySet(), sections.keySet());
  }

  @Test
  void every_section_says_what_it_means_where_to_look_and_what_to_do_in_a_minute() {
    List<String> faults = new ArrayList<>();
    sections()
        .forEach(
            (name, text) -> {
              List<String> parts =
                  text.lines()
                      .map(line -> line.replaceFirst("(\\*\\*\\w+\\*\\*: ).*", "$1"))
                      .filter(PARTS::contains)
                      .toList();
              if (!parts.equals(PARTS)) {
                faults.add(name + " has " + parts);
              }
              if (text.split("\\s+").length > WORDS) {
                faults.add(name + " is too long");
              }
            });
    assertEquals(List.of(), faults);
  }

  /** The sections of alarms, by their titles, in their order. */
  private static Map<String, String> sections() {
    Map<String, String> sections = new LinkedHashMap<>();
    for (String part : Documents.text(Documents.page("operations.md")).split("(?m)^(?=##+ )")) {
      if (part.startsWith("### Tracker")) {
        sections.put(part.lines().findFirst().orElseThrow().substring(4), part);
      }
    }
    return sections;
  }

  @Test
  void every_alarm_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() {
    Set<String> firing = new TreeSet<>();
    Set<String> silent = new TreeSet<>();
    for (JsonNode one : Monitoring.cases().get("tests")) {
      String name = one.get("name").asText();
      for (JsonNode check : one.get("promql_expr_test")) {
        assertEquals(
            "ALERTS{alertname=\"" + name + "\",alertstate=\"firing\"}", check.get("expr").asText());
        (check.get("exp_samples").isEmpty() ? silent : firing).add(name);
      }
    }
    Set<String> alarms = new TreeSet<>(Monitoring.alarms().keySet());
    assertEquals(alarms, firing);
    assertEquals(alarms, silent);
  }

  @Test
  void what_is_recorded_is_used_and_what_is_used_is_recorded() {
    Set<String> used =
        Monitoring.expressions().stream()
            .flatMap(expression -> expression.selectors().stream())
            .map(Selector::metric)
            .filter(metric -> metric.contains(":"))
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(new TreeSet<>(Monitoring.recorded().keySet()), used);
  }

  /** For a Prometheus without the operator, and for promtool. */
  @Test
  void the_lines_below_spec_are_a_file_of_prometheus() throws IOException {
    String text = Files.readString(Monitoring.RULES);
    String plain =
        text.substring(text.indexOf("\n  groups:") + 1)
            .lines()
            .map(line -> line.substring(Math.min(2, line.length())))
            .collect(Collectors.joining("\n"));
    assertEquals(YAML.readTree(text).get("spec"), YAML.readTree(plain));
    Files.createDirectories(Path.of("target/monitoring"));
    Files.writeString(Path.of("target/monitoring/rules.yaml"), plain + "\n");
  }

  @Test
  void every_dashboard_can_be_found_and_every_panel_says_what_it_shows() throws IOException {
    Set<String> uids = new TreeSet<>();
    List<String> faults = new ArrayList<>();
    Monitoring.dashboards()
        .forEach(
            (file, dashboard) -> {
              assertTrue(uids.add(dashboard.get("uid").asText()), file + " has another's uid");
              Set<String> titles = new TreeSet<>();
              for (JsonNode panel : dashboard.get("panels")) {
                String title = panel.path("title").asText();
                if (title.isBlank() || !titles.add(title) || panel.path("targets").isEmpty()) {
                  faults.add(file + " " + title);
                }
                if (!panel.at("/datasource/uid").asText().equals("${datasource}")) {
                  faults.add(file + " " + title + " has a data source of its own");
                }
              }
            });
    assertEquals(List.of(), faults);
    assertEquals(6, uids.size());
    asRules();
  }

  /** The expressions of the dashboards, so that promtool reads them. */
  private static void asRules() throws IOException {
    ObjectNode file = new ObjectMapper().createObjectNode();
    ObjectNode group = file.putArray("groups").addObject().put("name", "dashboards");
    ArrayNode rules = group.putArray("rules");
    Map<String, JsonNode> alarms = Monitoring.alarms();
    for (Expression expression : Monitoring.expressions()) {
      if (!alarms.containsKey(expression.where())
          && !Monitoring.recorded().containsKey(expression.where())) {
        String text =
            expression.text().replace("$__rate_interval", "5m").replace("$namespace", ".*");
        assertFalse(text.contains("$"), text);
        rules.addObject().put("record", "panel:" + rules.size()).put("expr", text);
      }
    }
    Files.createDirectories(Path.of("target/monitoring"));
    Files.writeString(Path.of("target/monitoring/dashboards.yaml"), YAML.writeValueAsString(file));
  }
}
