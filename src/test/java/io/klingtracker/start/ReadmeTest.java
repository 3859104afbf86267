package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.TaskStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** README.md is short, and it and src/docs say what is there. */
class ReadmeTest {

  private static final int MAX_LINES = 180;

  private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+)\\)");
  private static final Pattern PAGE = Pattern.compile("src/docs/[\\w./-]+\\.(md|properties)");

  /** A name under one of our prefixes; topics and types of events have them too. */
  private static final Pattern SETTING =
      Pattern.compile("(?<![\\w./-])(?:tracker|kling)(?:\\.(?:[a-z0-9-]+|<[a-z]+>|\"[^\"]+\"))+");

  private static final Pattern NO_SETTING =
      Pattern.compile("kling\\.(task|webhook)\\..+|kling\\.ai");

  private static final Pattern CONSTANT =
      Pattern.compile("`([A-Z]\\w+(?:\\.[A-Z][a-z]\\w+)?)\\.([A-Z][A-Z_0-9]+)`");

  @Test
  void the_readme_is_read_in_five_minutes() throws IOException {
    List<String> lines = Files.readAllLines(Documents.README);
    assertTrue(lines.size() <= MAX_LINES, () -> "README.md has " + lines.size() + " lines");
    assertTrue(lines.contains("    mvn -Plocal") && lines.contains("    mvn verify"));
  }

  @Test
  void the_headlines_are_rows_of_the_performance_page_and_name_every_goal_that_is_missed() {
    Set<String> headlines = rows(Documents.text(Documents.README));
    Set<String> measured = rows(Documents.text(Documents.page("performance.md")));
    Set<String> unknown = new TreeSet<>(headlines);
    unknown.removeAll(measured);
    assertEquals(Set.of(), unknown, "not in performance.md");
    Set<String> missed = missed(measured);
    missed.removeAll(missed(headlines));
    assertEquals(Set.of(), missed, "missed goals that README.md does not name");
    assertTrue(headlines.stream().anyMatch(row -> row.endsWith("| met |")), "no goal that is met");
  }

  /** The goals that rows say are missed; a goal without a number is its measure. */
  private static Set<String> missed(Set<String> rows) {
    return rows.stream()
        .filter(row -> row.contains("not met"))
        .map(row -> row.split("\\|"))
        .map(cells -> cells[1].isBlank() ? cells[2].strip() : cells[1].strip())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** The lines of the bench's table in a page. */
  private static Set<String> rows(String page) {
    Set<String> rows =
        page.lines()
            .filter(line -> line.startsWith("|") && line.split("\\|", -1).length == 9)
            .collect(Collectors.toCollection(TreeSet::new));
    assertTrue(rows.size() > 3, "no table of the bench's");
    return rows;
  }

  @Test
  void every_relative_link_leads_somewhere() {
    List<String> dead = new ArrayList<>();
    for (Path page : Documents.all()) {
      Matcher link = LINK.matcher(Documents.text(page));
      while (link.find()) {
        String target = link.group(1);
        if (!target.matches("[a-z]+:.*") && !leads(page, target)) {
          dead.add(page + " → " + target);
        }
      }
    }
    assertEquals(List.of(), dead);
  }

  private static boolean leads(Path page, String target) {
    String[] parts = target.split("#", 2);
    Path file = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]).normalize();
    return Files.exists(file)
        && (parts.length == 1 || anchors(Documents.text(file)).contains(parts[1]));
  }

  /** As GitHub makes them of headings. */
  private static Set<String> anchors(String page) {
    Set<String> anchors = new HashSet<>();
    page.lines()
        .filter(line -> line.matches("#+ .+"))
        .map(line -> line.replaceFirst("#+ ", "").toLowerCase(Locale.ROOT))
        .forEach(title -> anchors.add(title.replaceAll("[^\\w -]", "").replace(' ', '-')));
    return anchors;
  }

  @Test
  void every_page_that_is_named_somewhere_is_there() throws IOException {
    Set<String> missing = new TreeSet<>();
    try (Stream<Path> tree =
        Stream.of("README.md", "pom.xml", "docker-compose.yml", ".ci", "k8s", "src")
            .flatMap(ReadmeTest::files)) {
      tree.forEach(
          file -> {
            Matcher page = PAGE.matcher(Documents.text(file));
            while (page.find()) {
              if (!Files.exists(Path.of(page.group()))) {
                missing.add(file + " → " + page.group());
              }
            }
          });
    }
    assertEquals(Set.of(), missing);
  }

  private static Stream<Path> files(String root) {
    try {
      return Files.walk(Path.of(root))
          .filter(Files::isRegularFile)
          .filter(
              file ->
                  file.toString().matches(".*(\\.(md|xml|java|sql|txt|properties|ya?ml)|/run)"));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void every_setting_has_its_row_and_its_default() {
    DocumentedSettings documented =
        DocumentedSettings.of(Documents.text(Documents.page("configuration.md")));
    Set<String> mapped = DocumentedSettings.mapped(StartupCheck.MAPPINGS).keySet();

    Set<String> missing = new TreeSet<>(mapped);
    missing.removeAll(documented.names());
    assertEquals(Set.of(), missing, "settings without a row in configuration.md");
    assertEquals(List.of(), documented.faults(StartupCheck.MAPPINGS));
  }

  @Test
  void every_setting_that_a_page_names_exists() {
    KnownSettings known = KnownSettings.of(StartupCheck.MAPPINGS);
    Set<String> names = DocumentedSettings.mapped(StartupCheck.MAPPINGS).keySet();
    Set<String> unknown = new TreeSet<>();
    for (Path page : Documents.current()) {
      Matcher setting = SETTING.matcher(Documents.text(page));
      while (setting.find()) {
        String name = setting.group();
        boolean group = names.stream().anyMatch(one -> one.startsWith(name + "."));
        if (!NO_SETTING.matcher(name).matches()
            && !group
            && !known.isKey(name.replaceAll("<[a-z]+>", "name"))) {
          unknown.add(page + ": " + name);
        }
      }
    }
    assertEquals(Set.of(), unknown);
  }

  @Test
  void every_constant_that_the_bounds_name_exists() throws IOException {
    Map<String, String> sources = new HashMap<>();
    try (var files = Files.walk(Path.of("src/main/java"))) {
      for (Path file : files.filter(file -> file.toString().endsWith(".java")).toList()) {
        sources.put(file.getFileName().toString().replace(".java", ""), Documents.text(file));
      }
    }
    Set<String> unknown = new TreeSet<>();
    int named = 0;
    Matcher constant = CONSTANT.matcher(Documents.text(Documents.page("bounds.md")));
    while (constant.find()) {
      named++;
      String source = sources.getOrDefault(constant.group(1).split("\\.")[0], "");
      if (!Pattern.compile("\\b" + constant.group(2) + " =").matcher(source).find()) {
        unknown.add(constant.group());
      }
    }
    assertEquals(Set.of(), unknown);
    assertTrue(named > 40, "only " + named + " rows name a constant");
  }

  @Test
  void every_decision_is_numbered_once() throws IOException {
    try (var files = Files.list(Documents.page("adr"))) {
      List<String> numbers =
          files.map(file -> file.getFileName().toString().substring(0, 4)).sorted().toList();
      assertEquals(numbers.stream().distinct().toList(), numbers);
    }
  }

  @Test
  void the_drawing_of_the_lifecycle_is_the_lifecycle() {
    Set<TaskStatus> ends = new TreeSet<>();
    Set<TaskStatus> drawn = new TreeSet<>();
    Matcher edge =
        Pattern.compile(" {4}(\\S+) --> (\\S+?)(: late)?\n")
            .matcher(Documents.text(Documents.page("lifecycle.md")));
    while (edge.find()) {
      if (edge.group(1).equals("[*]")) {
        continue;
      }
      TaskStatus from = TaskStatus.of(edge.group(1));
      drawn.add(from);
      if (edge.group(2).equals("[*]")) {
        ends.add(from);
      } else {
        assertTrue(from.accepts(TaskStatus.of(edge.group(2))), edge.group());
        assertEquals(from == TaskStatus.EXPIRED, edge.group(3) != null, edge.group());
      }
    }
    assertEquals(Set.of(TaskStatus.values()), drawn);
    assertEquals(
        Arrays.stream(TaskStatus.values()).filter(TaskStatus::isFinal).collect(Collectors.toSet()),
        ends);
  }
}
