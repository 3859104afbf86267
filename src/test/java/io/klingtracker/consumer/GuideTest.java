package io.klingtracker.consumer;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The guide shows the consumer that runs here, letter for letter. */
class GuideTest {

  private static final Path GUIDE = Path.of("src/docs/events.md");

  @Test
  void the_guide_shows_the_consumer_that_runs() throws IOException {
    String source =
        Files.readString(Path.of("src/test/java/io/klingtracker/consumer/StatusConsumer.java"));
    String shown = source.substring(source.indexOf("@Singleton"));
    assertTrue(Files.readString(GUIDE).contains(shown), GUIDE + " lacks\n" + shown);
  }
}
