package io.klingtracker.api;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tenant takes all of its tasks with it, in one answer or in several. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ExportStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  @TestHTTPResource URI base;
  @Inject Exports exports;
  @Inject Jdbi jdbi;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
  }

  @Test
  void each_line_is_a_task_as_it_is_asked_for_and_a_cut_export_goes_on() throws Exception {
    List<String> submitted = submitted(3);
    TestTenant.create().submit("others-" + UUID.randomUUID());
    for (String id : submitted) {
      Awaitility.await()
          .atMost(LIMIT)
          // The last that comes of a task is the copy of its result.
          .until(() -> tenant.caller().get("/v1/tasks/" + id).path("results") != null);
    }

    List<JsonNode> lines = export("");

    assertEquals(submitted, ids(lines));
    for (JsonNode line : lines) {
      String id = line.get("task_id").asText();
      ObjectNode task = ((ObjectNode) line).deepCopy();
      String cursor = task.remove("cursor").asText();
      assertEquals(JSON.readTree(tenant.caller().get("/v1/tasks/" + id).asString()), task);
      Schemas.task(task.put("tenant", tenant.id()).toString());
      assertEquals(
          submitted.subList(submitted.indexOf(id) + 1, 3), ids(export("?cursor=" + cursor)));
    }
    assertEquals(0, exports.open());
  }

  @Test
  void of_a_time_or_of_nothing() throws Exception {
    assertEquals(List.of(), export(""));
    List<String> submitted = submitted(2);
    String created = tenant.caller().get("/v1/tasks/" + submitted.get(1)).path("created_at");

    assertEquals(submitted.subList(1, 2), ids(export("?created_after=" + created)));
    assertEquals(submitted.subList(0, 1), ids(export("?created_before=" + created)));
    assertEquals(List.of(), export("?created_after=" + Instant.parse(created).plusSeconds(60)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cursor=x",
        "cursor=a.b",
        "created_after=monday",
        "created_before=%2B999999999-01-01T00:00:00Z",
        "limit=5",
        "meta.order=1"
      })
  void what_it_cannot_read_is_refused(String query) {
    tenant
        .caller()
        .urlEncodingEnabled(false)
        .get("/v1/tasks/export?" + query)
        .then()
        .statusCode(400)
        .contentType(containsString("application/problem+json"))
        .body("code", equalTo("invalid-request"));
  }

  @Test
  void is_for_those_who_may_read_and_a_cursor_for_its_tenant() throws Exception {
    TestTenant submits =
        TestTenant.withKey(tenant.id(), "{\"name\":\"submits\",\"scopes\":[\"submit\"]}");
    submits.caller().get("/v1/tasks/export").then().statusCode(403);

    submitted(1);
    String cursor = export("").get(0).get("cursor").asText();
    TestTenant.create()
        .caller()
        .get("/v1/tasks/export?cursor=" + cursor)
        .then()
        .statusCode(400)
        .body("detail", containsString("cursor"));
  }

  @Test
  void one_that_is_ended_before_its_end_is_cut() throws Exception {
    // More than lies between two sockets, so that it stands until it is read.
    jdbi.useHandle(
        h ->
            h.execute(
                """
                insert into task (id, tenant_id, kind, status, sequence, feed_position, created_at, updated_at, finished_at,
                    status_message)
                select 'task_' || substr(md5(random()::text), 1, 26), ?, 'text2video', 'canceled', 2, 1, now(), now(), now(),
                  repeat('x', 1000000)
                from generate_series(1, 40)
                """,
                tenant.id()));
    try (Socket socket = new Socket("127.0.0.1", base.getPort())) {
      socket.setSoTimeout((int) LIMIT.toMillis());
      String request =
          "GET /v1/tasks/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
              .formatted(tenant.apiKey());
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      InputStream answer = socket.getInputStream();
      assertEquals('H', answer.read());
      assertEquals(1, exports.open());

      TestTenant.admin()
          .body("{\"suspended\":true}")
          .patch("/admin/v1/tenants/" + tenant.id())
          .then()
          .statusCode(200);
      Awaitility.await().atMost(LIMIT).until(() -> exports.open() == 0);

      ByteArrayOutputStream read = new ByteArrayOutputStream();
      try {
        answer.transferTo(read);
      } catch (IOException e) {
        // Reset; what came is the answer.
      }
      String text = read.toString(StandardCharsets.US_ASCII);
      assertTrue(text.startsWith("TTP/1.1 200"), text.substring(0, Math.min(80, text.length())));
      assertTrue(text.length() < 40_000_000, "a part of it");
      assertFalse(text.endsWith("0\r\n\r\n"), "its end");
    }
  }

  private List<String> submitted(int number) {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      ids.add(tenant.submit("export-" + UUID.randomUUID()));
    }
    return ids;
  }

  private List<JsonNode> export(String query) throws Exception {
    String body =
        tenant
            .caller()
            .get("/v1/tasks/export" + query)
            .then()
            .statusCode(200)
            .contentType(containsString("application/x-ndjson"))
            .extract()
            .asString();
    assertTrue(body.isEmpty() || body.endsWith("\n"), body);
    List<JsonNode> lines = new ArrayList<>();
    for (String line : body.lines().toList()) {
      lines.add(JSON.readTree(line));
    }
    return lines;
  }

  private static List<String> ids(List<JsonNode> lines) {
    return lines.stream().map(line -> line.get("task_id").asText()).toList();
  }
}
