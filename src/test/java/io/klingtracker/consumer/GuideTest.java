package io.klingtracker.consumer;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The README shows the consumer that runs here, letter for letter. */
class GuideTest {

  private static final Path FRAGMENT = Path.of("src/docs/readme/events.md");

  @Test
  void the_guide_shows_the_consumer_that_runs() throws IOException {
    String source =
        Files.readString(Path.of("src/test/java/io/klingtracker/consumer/StatusConsumer.java"));
    String shown = source.substring(source.indexOf("@Singleton"));
    Path guide =
        Stream.of(Path.of("README.md"), FRAGMENT)
            .filter(Files::exists)
            .filter(path -> contains(path, shown))
            .findFirst()
            .orElse(null);
    assertTrue(guide != null, "neither README.md nor " + FRAGMENT + " has\n" + shown);
  }

  private static boolean contains(Path path, String text) {
    try {
      return Files.readString(path).contains(text);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
