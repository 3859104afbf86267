package io.klingtracker.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A script for pgbench, of which plain JDBC clients understand as much as the bench's scripts use:
 * {@code \set name random(from, to)}, statements that end with a semicolon, and {@code :name}.
 */
final class SqlScript {

  private static final Pattern RANDOM =
      Pattern.compile("\\\\set\\s+(\\w+)\\s+random\\(\\s*(:?\\w+)\\s*,\\s*(:?\\w+)\\s*\\)");
  private static final Pattern NAME = Pattern.compile("(?<!:):([a-z]\\w*)");

  private final String name;
  private final String text;
  private final Map<String, String[]> randoms = new LinkedHashMap<>();
  private final List<Step> steps = new ArrayList<>();

  /**
   * A statement.
   *
   * @param sql with question marks
   * @param parameters what stands for them, in order
   */
  record Step(String sql, List<String> parameters) {}

  SqlScript(String name) {
    this.name = name;
    try (InputStream in = SqlScript.class.getResourceAsStream("/pgbench/" + name + ".sql")) {
      if (in == null) {
        throw new IllegalArgumentException("no script " + name);
      }
      this.text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    parse();
  }

  private void parse() {
    StringBuilder sql = new StringBuilder();
    for (String line : text.split("\n", -1)) {
      Matcher random = RANDOM.matcher(line);
      if (random.find()) {
        randoms.put(random.group(1), new String[] {random.group(2), random.group(3)});
      } else if (!line.startsWith("--")) {
        sql.append(line).append('\n');
      }
    }
    for (String statement : sql.toString().split(";", -1)) {
      if (!statement.isBlank()) {
        List<String> parameters = new ArrayList<>();
        Matcher names = NAME.matcher(statement);
        while (names.find()) {
          parameters.add(names.group(1));
        }
        steps.add(new Step(names.replaceAll("?").strip(), parameters));
      }
    }
  }

  String name() {
    return name;
  }

  List<Step> steps() {
    return steps;
  }

  /** Names of random numbers, each with its bounds: numbers or names of variables. */
  Map<String, String[]> randoms() {
    return randoms;
  }

  /** Writes it where pgbench can read it. */
  Path writeTo(Path directory) {
    try {
      return Files.writeString(directory.resolve(name + ".sql"), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
