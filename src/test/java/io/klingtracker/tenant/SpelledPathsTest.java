package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * However a path is spelled, a key gets in where the method that answers allows it, and nowhere
 * else. The requests are written by hand, since clients tidy paths up.
 */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class SpelledPathsTest {

  /** Other ways to write a path of which some routers think that they are the same. */
  private static final List<String> SPELLINGS =
      List.of(
          "%s",
          "%s/",
          "%s//",
          "/%s",
          "%s/.",
          "%s/./",
          "%s/;a=b",
          "%s/;a=b/",
          "%s;a=b",
          "%s;a=b/",
          "%s/x/..",
          "%s/%%2e",
          "%s/%%2E/",
          "/.%s",
          "/;a=b%s",
          "/x/..%s",
          "/%%2e%s",
          "//%s",
          "%s?",
          "%s/?x=/admin/v1",
          "%s%%2f",
          "%s%%20",
          "%s%%00",
          "http://x%s");

  @TestHTTPResource URI base;

  private TestTenant submitter;
  private TestTenant reader;
  private String task;

  @BeforeEach
  void a_task_a_key_that_may_only_submit_and_one_that_may_only_read() {
    TestTenant owner = TestTenant.create();
    submitter = TestTenant.withKey(owner.id(), "{\"name\":\"submitter\",\"scopes\":[\"submit\"]}");
    reader = TestTenant.withKey(owner.id(), "{\"name\":\"reader\",\"scopes\":[\"read\"]}");
    task = owner.submit("spelled-" + owner.id());
  }

  @Test
  void a_key_that_may_only_submit_reads_nothing() throws Exception {
    String batch = "{\"ids\":[\"" + task + "\"]}";
    List<String> seen = new ArrayList<>();
    for (String spelling : SPELLINGS) {
      seen.addAll(answered(submitter, "POST", spelling, "/kling/tasks", "{}"));
      seen.addAll(answered(submitter, "POST", spelling, "/v1/tasks/batch", batch));
      seen.addAll(answered(submitter, "GET", spelling, "/v1/tasks/" + task, ""));
      seen.addAll(answered(submitter, "GET", spelling, "/v1/webhooks/settings", ""));
      seen.addAll(answered(submitter, "HEAD", spelling, "/v1/tasks/" + task, ""));
    }
    assertEquals(List.of(), seen);
  }

  @Test
  void a_key_that_may_only_read_changes_nothing_wherever_it_may_read() throws Exception {
    List<String> changed = new ArrayList<>();
    for (String spelling : SPELLINGS) {
      changed.addAll(answered(reader, "POST", spelling, "/v1/tasks/" + task + "/cancel", "{}"));
      changed.addAll(answered(reader, "PUT", spelling, "/v1/webhooks/settings", "{}"));
      changed.addAll(
          answered(
              reader,
              "POST",
              spelling,
              "/kling/v1/videos/text2video",
              "{\"model_name\":\"kling-v3\",\"prompt\":\"p\"}"));
      int status = status(send(reader, "POST", spelling.formatted("/kling/tasks"), "{}"));
      assertFalse(status == 403 || status >= 500, spelling + " answers a reader with " + status);
    }
    assertEquals(List.of(), changed);
  }

  @Test
  void a_tenants_key_is_no_administrators() throws Exception {
    List<String> answered = new ArrayList<>();
    for (String spelling : SPELLINGS) {
      answered.addAll(answered(reader, "GET", spelling, "/admin/v1/tenants", ""));
      answered.addAll(answered(null, "GET", spelling, "/admin/v1/tenants", ""));
      answered.addAll(answered(null, "GET", spelling, "/v1/tasks", ""));
      answered.addAll(answered(null, "POST", spelling, "/kling/tasks", "{}"));
    }
    assertEquals(List.of(), answered);
  }

  /** What was answered with success; empty when it was refused. */
  private List<String> answered(
      TestTenant tenant, String method, String spelling, String path, String body)
      throws IOException {
    String target = spelling.formatted(path);
    String answer = send(tenant, method, target, body);
    int status = status(answer);
    return status >= 400 && status < 500 && !answer.contains("\"tasks\"")
        ? List.of()
        : List.of(method + " " + target + " answers " + answer.lines().findFirst().orElse(""));
  }

  private static int status(String answer) {
    return answer.startsWith("HTTP/1.1 ") ? Integer.parseInt(answer.substring(9, 12)) : 0;
  }

  private String send(TestTenant tenant, String method, String target, String body)
      throws IOException {
    try (Socket socket = new Socket(base.getHost(), base.getPort())) {
      socket.setSoTimeout(10_000);
      String key = tenant == null ? "" : "Authorization: Bearer " + tenant.apiKey() + "\r\n";
      String request =
          "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
              .formatted(method, target, key, body.length(), body);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
      InputStream answer = socket.getInputStream();
      return new String(answer.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
