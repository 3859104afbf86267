package io.klingtracker.bench;

import io.klingtracker.bench.Report.Row;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What the repository shows of a run: the whole table in {@code src/docs/performance.md}, headlines
 * and missed goals in {@code README.md}, a row for each goal, each between two marks. Every run
 * leaves both pages beside its report, so that a page without its marks is found; one that is to be
 * published replaces them.
 */
final class Pages {

  private static final String FROM = "<!-- bench: from here -->\n";
  private static final String TO = "<!-- bench: to here -->\n";

  private static final Path README = Path.of("README.md");
  private static final Path PERFORMANCE = Path.of("src/docs/performance.md");

  /** The figures that the README shows in any case, by goal and beginning of the measure. */
  private static final List<String> HEADLINES =
      List.of(
          "G1 durable callbacks published",
          "G2 the same ÷ six round trips",
          "G5 commit → consumer p50",
          "G6 Debezium tuned ÷ ours, p50",
          "G8 catch-up",
          "G12 callbacks published");

  private final Options options;

  private final boolean publish;

  Pages(Options options, boolean complete) {
    this.options = options;
    this.publish = options.publish() && complete;
  }

  /**
   * Writes both pages.
   *
   * @param performance the run's machine, table and notes
   */
  void write(List<Row> rows, String performance) {
    write(PERFORMANCE, performance);
    write(README, Report.table(headlines(rows), options.smoke()));
    if (options.publish() && !publish) {
      System.out.println("Not published: a group is missing.");
    }
  }

  private static List<Row> headlines(List<Row> rows) {
    List<Row> chosen =
        HEADLINES.stream()
            .flatMap(
                headline ->
                    rows.stream()
                        .filter(row -> (row.id() + " " + row.measure()).startsWith(headline)))
            .toList();
    Set<String> named = new HashSet<>();
    chosen.stream().filter(Row::missed).forEach(row -> named.add(goal(row)));
    return Stream.concat(
            chosen.stream(), rows.stream().filter(row -> row.missed() && named.add(goal(row))))
        .toList();
  }

  private static String goal(Row row) {
    return row.id().isEmpty() ? row.measure() : row.id();
  }

  private void write(Path page, String text) {
    try {
      String before = Files.readString(page);
      int from = before.indexOf(FROM);
      int to = before.indexOf(TO);
      if (from < 0 || to < from) {
        throw new IllegalStateException(page + " has no place for the bench's figures");
      }
      String after =
          before.substring(0, from + FROM.length()) + "\n" + text + "\n" + before.substring(to);
      Files.writeString(options.directory().resolve(page.getFileName()), after);
      if (publish) {
        Files.writeString(page, after);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
