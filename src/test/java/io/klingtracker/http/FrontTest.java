package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** No spelling of a guarded path makes it an open one. */
class FrontTest {

  @ParameterizedTest
  @CsvSource({
    "/kling/v1/videos/text2video, KLING",
    "/kling, KLING",
    "/kling/, KLING",
    "/v1/tasks, NATIVE",
    "/v1, NATIVE",
    "/admin/v1/keys, ADMIN",
    "/callbacks/kling/a/b, CALLBACK",
    "/console/tasks, CONSOLE",
    "/q/health/live, OPEN",
    "/.well-known/webhook-keys, OPEN",
    "/, OPEN",
    "'', OPEN",
    "*, OPEN",
    "/v10/tasks, OPEN",
    "/klingx, OPEN",
  })
  void a_path_has_one_front(String path, Front front) {
    assertEquals(front, Front.of(path));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "//v1/tasks",
        "/./v1/tasks",
        "/q/../v1/tasks",
        "/q/%2e%2e/v1/tasks",
        "/q/.%2E/v1/tasks",
        "/../v1/tasks",
        "/v1;a=b/tasks",
        "/;a=b/v1/tasks",
        "/.;a/v1/tasks",
        "\\v1\\tasks",
        "/q/..\\v1",
        "/q/..%5cv1",
        "/%2e/v1/tasks",
        "v1/tasks",
        "/q/..;/v1/tasks",
      })
  void a_path_that_reads_in_two_ways_is_refused_and_guarded_until_then(String path) {
    assertEquals(Front.NATIVE, Front.of(path));
    assertFalse(Front.isPlain(path), path);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/%761/tasks", "/V1/tasks", "/v%31", "/v1%2Ftasks", "/%252e/v1", "/%2f/v1"})
  void another_spelling_of_the_front_is_the_same_front(String path) {
    assertEquals(Front.NATIVE, Front.of(path));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/tasks/",
        "/v1/tasks/task_01ABC",
        "/kling/v1/videos/text2video/my%20id%2F7",
        "/.well-known/webhook-keys",
        "/q/swagger-ui/",
        "/v1/webhooks/hosts/a.b.example:8443/resume",
        "/v1/tasks/na%C3%AFve",
        "/v1/tasks/a%3Bb",
        "/v1/tasks/...",
        "/"
      })
  void what_honest_clients_send_is_plain(String path) {
    assertTrue(Front.isPlain(path), path);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/tasks/batch;a=b", "/v1/tasks/.", "/v1/tasks/..", "/v1/tasks/%2e", "/v1//tasks",
        "/v1/tasks//", "/v1/tasks/%", "/v1/tasks/%zz", "/v1/tasks/%c3", "/v1/tasks/a%00b",
        "/v1/tasks/a\\b", "/v1/tasks/a%2F..%2Fb", "*", ""
      })
  void what_could_be_read_otherwise_is_not(String path) {
    assertFalse(Front.isPlain(path), path);
  }

  @Test
  void no_path_at_all_is_not_plain() {
    assertFalse(Front.isPlain(null));
    assertEquals(Front.OPEN, Front.of(null));
  }
}
