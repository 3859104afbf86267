package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Statements in files of their own, and what holds for every statement of the source. */
class SqlFileTest {

  private static final Path SOURCES = Path.of("src/main/java");
  private static final Path FILES = Path.of("src/main/resources");

  /** Lines of SQL that may stand between Java; more are a file with comments. */
  private static final int MAX_LINES = 40;

  private static final Pattern TEXT_BLOCK = Pattern.compile("\"\"\"\n(.*?)\"\"\"", Pattern.DOTALL);

  private static final Pattern SQL =
      Pattern.compile("\\b(select|insert into|update|delete from)\\b");

  private static final Pattern TASK_UPDATE =
      Pattern.compile("\\bupdate\\s+task\\s+(as\\s+)?(\\w+\\s+)?set\\b");

  @Test
  void a_file_is_read_without_its_comments() {
    assertEquals("select 1 as one\n  where :one = 1\n", SqlFile.read(SqlFileTest.class, "Whole"));
  }

  @Test
  void parts_are_put_where_the_file_has_them() {
    assertEquals(
        "with given as (select $1)\nselect * from given where status = 'queued'\n",
        SqlFile.read(
            SqlFileTest.class,
            "WithPart",
            Map.of("given", "given as (select $1)\n", "status", "queued")));
  }

  @Test
  void what_is_missing_stops_the_start() {
    String missing =
        assertThrows(IllegalStateException.class, () -> SqlFile.read(SqlFileTest.class, "NotThere"))
            .getMessage();
    assertTrue(missing.contains("NotThere.sql"), missing);
    assertThrows(
        IllegalStateException.class,
        () -> SqlFile.read(SqlFileTest.class, "WithPart", Map.of("given", "")));
    assertThrows(
        IllegalStateException.class,
        () -> SqlFile.read(SqlFileTest.class, "Whole", Map.of("given", "")));
  }

  @Test
  void long_statements_are_in_files() {
    Map<String, Integer> tooLong = new TreeMap<>();
    sources()
        .forEach(
            (file, text) -> {
              int lines = 0;
              int end = 0;
              Matcher block = TEXT_BLOCK.matcher(text);
              while (block.find()) {
                // What is joined to one expression is one statement.
                boolean joined = text.substring(end, block.start()).indexOf(';') < 0;
                lines = (joined ? lines : 0) + (int) block.group(1).lines().count();
                end = block.end();
                if (lines > MAX_LINES && SQL.matcher(block.group(1)).find()) {
                  tooLong.put(file, lines);
                }
              }
            });
    assertEquals(Map.of(), tooLong, "SQL of more than " + MAX_LINES + " lines within Java");
  }

  @Test
  void every_file_is_read_by_a_class_beside_it_and_says_what_its_parts_are_for() {
    TreeSet<String> unread = new TreeSet<>();
    TreeSet<String> uncommented = new TreeSet<>();
    Map<String, String> sources = sources();
    Map<String, String> files = read(FILES, ".sql");
    assertTrue(files.size() > 5, files.keySet().toString());
    files.forEach(
        (file, text) -> {
          String folder = file.substring(0, file.lastIndexOf('/') + 1);
          String name = file.substring(folder.length(), file.length() - ".sql".length());
          boolean used =
              sources.entrySet().stream()
                  .filter(source -> source.getKey().startsWith(folder))
                  .anyMatch(source -> source.getValue().contains("\"" + name + "\""));
          if (!used) {
            unread.add(file);
          }
          String before = "";
          for (String line : text.lines().toList()) {
            if (line.matches("(with (recursive )?)?\\w+ as (materialized )?\\(.*")
                && !before.startsWith("--")) {
              uncommented.add(file + ": " + line);
            }
            before = line;
          }
          if (!text.startsWith("-- ")) {
            uncommented.add(file);
          }
        });
    assertEquals(new TreeSet<>(), unread);
    assertEquals(new TreeSet<>(), uncommented);
  }

  /** The lifecycle is in that statement's where; a second one could move a task past it. */
  @Test
  void one_statement_writes_a_status() {
    List<String> writers = new ArrayList<>();
    Map<String, String> all = new TreeMap<>(sources());
    all.putAll(read(FILES, ".sql"));
    all.forEach(
        (file, text) -> {
          Matcher update = TASK_UPDATE.matcher(text);
          while (update.find()) {
            if (assigned(text.substring(update.end())).contains("status")) {
              writers.add(file);
            }
          }
        });
    assertEquals(List.of("io/klingtracker/task/Moved.sql"), writers);
  }

  @Test
  void an_update_is_read_as_far_as_it_assigns() {
    assertEquals(
        List.of("previous_status", "status", "account"),
        assigned(
            " previous_status = t.status, status = b.status,\n account = coalesce(t.account,"
                + " (select x.status from x where status = 1)) from b where status = 2"));
    assertEquals(List.of("updated_at"), assigned(" updated_at = now() where status = 'queued'"));
  }

  /** The columns that an update assigns, from behind its {@code set}. */
  private static List<String> assigned(String text) {
    List<String> columns = new ArrayList<>();
    int depth = 0;
    Matcher token =
        Pattern.compile("[()\",;]|\\b(from|where|returning)\\b|(\\w+)\\s*=(?!=)").matcher(text);
    boolean begins = true;
    while (token.find()) {
      switch (token.group().charAt(0)) {
        case '(' -> depth++;
        case ')' -> depth--;
        default -> {
          if (depth == 0 && token.group().equals(",")) {
            begins = true;
          } else if (depth == 0 && token.group(2) != null && begins) {
            columns.add(token.group(2));
            begins = false;
          } else if (depth < 0 || depth == 0 && token.group(2) == null) {
            return columns;
          }
        }
      }
    }
    return columns;
  }

  private static Map<String, String> sources() {
    return read(SOURCES, ".java");
  }

  private static Map<String, String> read(Path root, String ending) {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.filter(path -> path.toString().endsWith(ending)).toList()) {
        files.put(root.relativize(path).toString().replace('\\', '/'), Files.readString(path));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }
}
