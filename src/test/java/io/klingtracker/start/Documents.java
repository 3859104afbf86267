package io.klingtracker.start;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** README.md and the pages under src/docs. */
final class Documents {

  static final Path README = Path.of("README.md");

  private static final Path FOLDER = Path.of("src/docs");

  private Documents() {}

  /** Every page, the decisions included. */
  static List<Path> all() {
    try (Stream<Path> pages = Files.walk(FOLDER)) {
      return Stream.concat(Stream.of(README), pages.filter(page -> page.toString().endsWith(".md")))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The pages that say how it is now: neither decisions nor the changelog. */
  static List<Path> current() {
    return all().stream()
        .filter(page -> !page.startsWith(FOLDER.resolve("adr")))
        .filter(page -> !page.endsWith("CHANGELOG.md"))
        .toList();
  }

  /** A page of src/docs by its name. */
  static Path page(String name) {
    return FOLDER.resolve(name);
  }

  static String text(Path page) {
    try {
      return Files.readString(page);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
