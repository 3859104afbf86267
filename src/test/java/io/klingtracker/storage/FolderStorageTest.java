package io.klingtracker.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Settings;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FolderStorageTest {

  @TempDir Path folder;

  private static Storage of(String url) {
    return Storage.of(url, Settings.of(StorageConfig.class, Map.of()));
  }

  private Storage storage() {
    return of(folder.toUri().toString());
  }

  private static InputStream bytes(String text) {
    return new ByteArrayInputStream(text.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
  }

  private List<String> files() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile)
          .map(file -> folder.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void what_is_put_is_there_until_it_is_deleted() throws IOException {
    storage().put("acme/task_1/0.mp4", bytes("one"));
    storage().put("acme/task_1/0.mp4", bytes("two"));
    storage().put("acme/task_2/0.mp4", bytes("three"));

    try (InputStream in = storage().get("acme/task_1/0.mp4")) {
      assertArrayEquals(bytes("two").readAllBytes(), in.readAllBytes());
    }
    assertEquals(
        new Storage.StoredFile(folder.resolve("acme/task_1/0.mp4")),
        storage().place("acme/task_1/0.mp4", Duration.ofHours(1)));
    assertEquals(List.of("acme/task_1/0.mp4", "acme/task_2/0.mp4"), files());

    storage().delete("acme/task_1/0.mp4");
    storage().delete("acme/task_1/0.mp4");
    assertEquals(List.of("acme/task_2/0.mp4"), files());
    assertFalse(Files.exists(folder.resolve("acme/task_1")), "empty folders go with it");
    assertThrows(NoSuchFileException.class, () -> storage().get("acme/task_1/0.mp4"));
  }

  @Test
  void of_what_fails_nothing_is_left_and_what_was_there_stays() throws IOException {
    storage().put("a/b", bytes("before"));
    InputStream broken =
        new SequenceInputStream(
            new ByteArrayInputStream(new byte[100_000]),
            new InputStream() {
              @Override
              public int read() throws IOException {
                throw new IOException("the connection broke");
              }
            });

    IOException failure = assertThrows(IOException.class, () -> storage().put("a/b", broken));

    assertEquals("the connection broke", failure.getMessage());
    assertEquals(List.of("a/b"), files());
    assertEquals("before", Files.readString(folder.resolve("a/b")));
  }

  @Test
  void what_a_killed_process_began_is_removed_in_time() throws IOException {
    Path parts = Files.createDirectories(folder.resolve(".parts"));
    Files.writeString(parts.resolve("0123"), "half");
    Instant written = Files.getLastModifiedTime(parts.resolve("0123")).toInstant();

    assertEquals(0, storage().deleteLeft(written));
    assertEquals(1, storage().deleteLeft(written.plusMillis(1)));
    assertEquals(List.of(), files());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "/", "../a", "a/../b", "a//b", "/a", "a/", ".parts/a", "a\u0000b", "a b"})
  void no_other_name_names_an_object(String name) {
    assertThrows(IllegalArgumentException.class, () -> storage().put(name, bytes("x")));
    assertThrows(IllegalArgumentException.class, () -> storage().place(name, Duration.ofHours(1)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/var/lib/results",
        "file:",
        "file:///",
        "file:results",
        "ftp://a/b",
        "s3://",
        "s3://B/x",
        "s3://bucket/../x",
        "file://host/a",
        "s3 ://x"
      })
  void a_url_that_names_no_folder_is_refused_with_what_would_be_one(String url) {
    String message = assertThrows(IllegalArgumentException.class, () -> of(url)).getMessage();
    assertTrue(
        message.contains("file:///var/lib/results")
            || message.contains("s3://results/tracker")
            || message.contains("prefix"),
        message);
  }

  @Test
  void a_folder_that_cannot_be_written_is_found() throws IOException {
    storage().check();
    assertEquals(List.of(), files());
    Path file = Files.writeString(folder.resolve("file"), "no folder");
    String url = file.resolve("below").toUri().toString();
    assertEquals(
        "the folder cannot be written",
        assertThrows(IOException.class, () -> of(url).check()).getMessage());
  }
}
