package io.klingtracker.catalog;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A request to learn from.
 *
 * @param path our path below {@code /kling/}
 * @param title what it shows
 * @param body a JSON body
 */
public record Example(String path, String title, String body) {

  private static final List<Example> ALL = read();

  /** Every example, in the order of the kinds. */
  public static List<Example> all() {
    return ALL;
  }

  /** The kind of task that it asks for. */
  public Kind kind() {
    String word = path.startsWith("v1/") ? path.substring(3) : path.substring(0, path.indexOf('/'));
    return Catalog.builtIn().ofPath(word).orElseThrow(() -> new IllegalStateException(path));
  }

  /** The model that the path names, in the newer generation. */
  public @Nullable String pathModel() {
    return path.startsWith("v1/") ? null : path.substring(path.indexOf('/') + 1);
  }

  private static List<Example> read() {
    try (InputStream text =
            Objects.requireNonNull(Example.class.getResourceAsStream("examples.txt"), "examples");
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(text, StandardCharsets.UTF_8))) {
      return lines
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .map(line -> line.split(" \\| ", 3))
          .map(parts -> new Example(parts[0], parts[1], parts[2]))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException("examples.txt", e);
    }
  }
}
