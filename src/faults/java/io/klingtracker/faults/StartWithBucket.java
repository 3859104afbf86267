package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.storage.Storage;
import io.klingtracker.storage.StorageConfig;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.NoSuchFileException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A bucket, as S3Mock has one, alone and with the service that copies results into it. */
@Field
@ExtendWith(Stage.class)
final class StartWithBucket {

  private static final int MIB = 1 << 20;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static S3Mock mock;
  private static Storage storage;

  private record Access(URI at) implements StorageConfig {
    @Override
    public Optional<URI> endpoint() {
      return Optional.of(at);
    }

    @Override
    public String region() {
      return "us-east-1";
    }

    @Override
    public Optional<String> accessKey() {
      return Optional.of("field-access");
    }

    @Override
    public Optional<String> secretKey() {
      return Optional.of("field-secret");
    }

    @Override
    public boolean pathStyle() {
      return true;
    }
  }

  @BeforeAll
  static void given() {
    mock = new S3Mock();
    storage = Storage.of("s3://" + S3Mock.BUCKET + "/tracker", new Access(mock.endpoint()));
  }

  @AfterAll
  static void end() {
    if (mock != null) {
      mock.close();
    }
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  @Test
  void objects_of_any_size_are_what_was_put_until_they_are_deleted() throws IOException {
    for (int length : new int[] {0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 17 * MIB}) {
      String name = "acme/task_1/" + length + ".mp4";
      storage.put(name, new ByteArrayInputStream(bytes(length)));
      storage.put(name, new ByteArrayInputStream(bytes(length)));
      try (InputStream in = storage.get(name)) {
        assertArrayEquals(bytes(length), in.readAllBytes(), length + " bytes");
      }
      storage.delete(name);
      storage.delete(name);
      assertThrows(NoSuchFileException.class, () -> storage.get(name));
    }
  }

  @Test
  void a_link_gives_the_object_to_anybody() throws IOException {
    storage.put("acme/task_1/link.mp4", new ByteArrayInputStream(bytes(1000)));
    Storage.Link link =
        assertInstanceOf(
            Storage.Link.class, storage.place("acme/task_1/link.mp4", Duration.ofMinutes(1)));
    HttpURLConnection asked = (HttpURLConnection) link.url().toURL().openConnection();
    try (InputStream in = asked.getInputStream()) {
      assertArrayEquals(bytes(1000), in.readAllBytes());
    }
    assertTrue(link.url().getQuery().contains("X-Amz-Expires=60"), link.toString());
  }

  @Test
  void of_what_breaks_nothing_is_left() throws IOException {
    for (int length : new int[] {1000, 11 * MIB}) {
      InputStream broken =
          new SequenceInputStream(
              new ByteArrayInputStream(bytes(length)),
              new InputStream() {
                @Override
                public int read() throws IOException {
                  throw new IOException("the connection broke");
                }
              });
      assertEquals(
          "the connection broke",
          assertThrows(IOException.class, () -> storage.put("acme/broken", broken)).getMessage());
      assertThrows(NoSuchFileException.class, () -> storage.get("acme/broken"));
    }
    assertEquals(0, storage.deleteLeft(Instant.MAX), "uploads that were begun");
  }

  /** From Kling to the bucket and to who asks, over the packaged service. */
  @Test
  void a_result_is_copied_into_the_bucket_and_had_from_there(Stage stage) throws Exception {
    stage.servers().postgres().ensureDatabase("buckets");
    Installation in =
        stage.installation(
            1,
            Installation.Place.at(
                stage.servers().postgres().jdbcUrl("buckets"),
                Map.of(
                    "tracker.custody.url", "s3://" + S3Mock.BUCKET + "/copies",
                    "tracker.custody.endpoint", mock.endpoint().toString(),
                    "tracker.custody.access-key", "field-access",
                    "tracker.custody.secret-key", "field-secret",
                    "tracker.custody.path-style", "true")));
    String key = Installation.HONEST.apiKey();
    String id =
        in.calls()
            .post(
                in.url() + "/kling/v1/videos/text2video",
                key,
                "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
            .json()
            .at("/data/task_id")
            .asText();
    String task = in.url() + "/v1/tasks/" + id;
    long end = System.nanoTime() + LIMIT.toNanos();
    while (in.calls().get(task, key).json().path("results").isEmpty() && System.nanoTime() < end) {
      LockSupport.parkNanos(50_000_000);
    }
    JsonNode copy = in.calls().get(task, key).json().at("/results/0");
    assertEquals("video/mp4", copy.path("type").asText(), "within " + LIMIT);

    String link = in.calls().post(task + "/content-link", key, "").json().path("url").asText();
    for (String url :
        List.of(task + "/content", in.url() + link.substring(link.indexOf("/v1/tasks/")))) {
      HttpURLConnection asked = (HttpURLConnection) URI.create(url).toURL().openConnection();
      asked.setInstanceFollowRedirects(false);
      if (url.endsWith("/content")) {
        asked.setRequestProperty("Authorization", "Bearer " + key);
      }
      assertEquals(HttpURLConnection.HTTP_MOVED_TEMP, asked.getResponseCode(), url);
      URI place = URI.create(asked.getHeaderField("Location"));
      assertTrue(
          place
              .toString()
              .startsWith(mock.endpoint() + S3Mock.BUCKET + "/copies/honest/" + id + "/0-"),
          place.toString());
      try (InputStream bytes = place.toURL().openStream()) {
        assertEquals(
            copy.path("sha256").asText(),
            HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.readAllBytes())));
      }
    }
  }

  @Test
  void a_bucket_that_is_not_there_or_does_not_answer_fails_in_words() {
    Storage none = Storage.of("s3://nowhere", new Access(mock.endpoint()));
    IOException missing =
        assertThrows(
            IOException.class, () -> none.put("a", new ByteArrayInputStream(new byte[] {1})));
    assertTrue(
        String.valueOf(missing.getMessage()).contains("The specified bucket does not exist"),
        missing.getMessage());
    Storage away =
        Storage.of("s3://" + S3Mock.BUCKET, new Access(URI.create("http://127.0.0.1:1/")));
    IOException refused =
        assertThrows(
            IOException.class, () -> away.put("a", new ByteArrayInputStream(new byte[] {1})));
    assertTrue(
        String.valueOf(refused.getMessage()).startsWith("the bucket: "), refused.getMessage());
  }
}
