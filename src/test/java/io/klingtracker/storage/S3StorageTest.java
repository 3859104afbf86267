package io.klingtracker.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Settings;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What of a bucket needs none; the rest is the field profile's, with S3Mock. */
class S3StorageTest {

  private static final Map<String, String> KEYS =
      Map.of("access-key", "AKIAEXAMPLE", "secret-key", "example-secret");

  private static Storage of(String url, Map<String, String> more) {
    Map<String, String> settings = new HashMap<>();
    KEYS.forEach((key, value) -> settings.put("tracker.custody." + key, value));
    more.forEach((key, value) -> settings.put("tracker.custody." + key, value));
    return Storage.of(url, Settings.of(StorageConfig.class, settings));
  }

  private static URI link(Storage storage) {
    return assertInstanceOf(
            Storage.Link.class, storage.place("acme/task_1/0.mp4", Duration.ofMinutes(15)))
        .url();
  }

  @ParameterizedTest
  @CsvSource({
    "s3://results, https://results.s3.eu-central-1.amazonaws.com/acme/task_1/0.mp4",
    "s3://results/, https://results.s3.eu-central-1.amazonaws.com/acme/task_1/0.mp4",
    "s3://results/a/b/, https://results.s3.eu-central-1.amazonaws.com/a/b/acme/task_1/0.mp4",
  })
  void a_link_leads_to_the_object_in_the_bucket(String url, String expected) {
    URI link = link(of(url, Map.of("region", "eu-central-1")));
    assertEquals(expected, link.toString().replaceAll("\\?.*", ""));
    assertTrue(link.getQuery().contains("X-Amz-Expires=900"), link.getQuery());
    assertTrue(
        link.getQuery().contains("X-Amz-Credential=AKIAEXAMPLE/")
            && !link.toString().contains("example-secret"),
        link.getQuery());
  }

  @Test
  void another_service_has_its_own_host_and_the_bucket_in_the_path() {
    URI link =
        link(of("s3://results", Map.of("endpoint", "http://127.0.0.1:9000", "path-style", "true")));
    assertEquals(
        "http://127.0.0.1:9000/results/acme/task_1/0.mp4", link.toString().replaceAll("\\?.*", ""));
  }

  @ParameterizedTest
  @CsvSource({
    "s3://, must name a bucket",
    "s3://Results, must name a bucket",
    "s3:results, must name a bucket",
    "s3://results/../x, must have a prefix of plain words",
    "s3://results/.x, must have a prefix of plain words",
  })
  void what_names_no_bucket_is_refused(String url, String words) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> of(url, Map.of())).getMessage();
    assertTrue(message.startsWith(words), message);
  }

  @Test
  void half_of_the_credentials_is_none() {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    Storage.of(
                        "s3://results",
                        Settings.of(
                            StorageConfig.class, Map.of("tracker.custody.access-key", "a"))))
            .getMessage();
    assertEquals("needs tracker.custody.access-key and .secret-key, both or neither", message);
  }

  @Test
  void no_other_name_names_an_object() {
    Storage storage = of("s3://results", Map.of());
    for (String name : new String[] {"", "../a", "a//b", "/a", ".a"}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> storage.put(name, new ByteArrayInputStream(new byte[0])));
      assertThrows(
          IllegalArgumentException.class, () -> storage.place(name, Duration.ofMinutes(1)));
    }
  }
}
