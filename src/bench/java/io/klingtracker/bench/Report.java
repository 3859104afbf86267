package io.klingtracker.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The one table of a run, as it grows, and its files. */
final class Report {

  private static final String HEAD = "| | measure | ours | yardstick | ratio | goal | |";

  private final Options options;
  private final List<Row> rows = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final List<String> charts = new ArrayList<>();

  /**
   * One line.
   *
   * @param id the goal's name; empty for a figure without one
   * @param judged what the goal is about: a ratio, or our figure itself
   */
  record Row(
      String id,
      String measure,
      String ours,
      String yardstick,
      @Nullable Spread judged,
      Goal goal) {

    String ratio() {
      return judged == null || yardstick.isEmpty() ? "" : judged.text("");
    }

    String verdict(boolean smoke) {
      if (judged == null || !isJudged(judged)) {
        return "";
      }
      return smoke ? "not judged" : missed() ? "**not met**" : "met";
    }

    boolean missed() {
      return judged != null && isJudged(judged) && !goal.met(judged.median());
    }

    private boolean isJudged(Spread figure) {
      return !(goal instanceof Goal.None) && !Double.isNaN(figure.median());
    }

    String line(boolean smoke) {
      return "| %s | %s | %s | %s | %s | %s | %s |"
          .formatted(id, measure, ours, yardstick, ratio(), goal.text(), verdict(smoke));
    }
  }

  Report(Options options) {
    this.options = options;
  }

  /** A ratio with a goal. */
  void ratio(String id, String measure, String ours, String yardstick, Spread ratio, Goal goal) {
    add(new Row(id, measure, ours, yardstick, ratio, goal));
  }

  /** A figure that is judged by itself. */
  void figure(String id, String measure, String text, Spread figure, Goal goal) {
    add(new Row(id, measure, text, "", figure, goal));
  }

  /** A figure to be read. */
  void figure(String measure, String text) {
    add(new Row("", measure, text, "", null, Goal.none()));
  }

  private void add(Row row) {
    rows.add(row);
    System.out.println(row.line(options.smoke()));
  }

  /** Something that could not be measured, or must be known to read the table. */
  void note(String text) {
    notes.add(text);
    System.out.println(text);
  }

  void chart(String name, String svg) {
    charts.add(name);
    write(name, svg);
  }

  void progress(String what) {
    System.out.println(what);
  }

  /** Rows as a table. */
  static String table(List<Row> rows, boolean smoke) {
    StringBuilder text = new StringBuilder();
    text.append(HEAD).append('\n').append("| --- ".repeat(7)).append("|\n");
    rows.forEach(row -> text.append(row.line(smoke)).append('\n'));
    return text.toString();
  }

  /**
   * Writes {@code report.md}, {@code report.json} and the pages, and prints the table whole.
   *
   * @param complete whether every group was measured; else nothing is published
   */
  void finish(Machine machine, boolean complete) {
    StringBuilder text = new StringBuilder();
    text.append(machine.line()).append("\n\n").append(table(rows, options.smoke()));
    if (!notes.isEmpty()) {
      text.append('\n');
      notes.forEach(note -> text.append("- ").append(note).append('\n'));
    }
    new Pages(options, complete).write(rows, text.toString());
    charts.forEach(chart -> text.append("\n![](").append(chart).append(")\n"));
    write("report.md", text.toString());
    write("report.json", json(machine));
    System.out.println("\n" + text);
    System.out.println(options.directory().resolve("report.md"));
  }

  private String json(Machine machine) {
    ObjectMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    ObjectNode root = mapper.createObjectNode();
    root.set("machine", mapper.valueToTree(machine));
    root.put("smoke", options.smoke());
    root.put("rounds", options.rounds());
    for (Row row : rows) {
      ObjectNode node = root.withArray("rows").addObject();
      node.put("id", row.id()).put("measure", row.measure()).put("ours", row.ours());
      node.put("yardstick", row.yardstick()).put("goal", row.goal().text());
      Spread judged = row.judged();
      if (judged != null && !Double.isNaN(judged.median())) {
        node.put("median", judged.median()).put("min", judged.min()).put("max", judged.max());
        node.put("verdict", row.verdict(options.smoke()).replace("*", ""));
      }
    }
    notes.forEach(root.withArray("notes")::add);
    try {
      return mapper.writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private void write(String name, String text) {
    Path file = options.directory().resolve(name);
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
