package io.klingtracker.api;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Statements;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One statement a request, as PostgreSQL counts them. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class StatementsTest {

  private static final int REQUESTS = 24;

  private static final List<String> FOR_A_REQUEST =
      List.of(
          "insert into task_request",
          "idempotency_key",
          "from api_key",
          "from tenant ",
          "rate_use");

  /** Of tasks of the caller's, which nothing asks for but a request. */
  private static final String OF_A_TENANT = ".tenant_id = $";

  private static TestTenant tenant;
  private static String task;

  @BeforeEach
  void a_tenant_with_a_task_that_ended() {
    if (task != null) {
      return;
    }
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
    task = tenant.submit("shot-" + UUID.randomUUID());
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> tenant.caller().get("/v1/tasks/" + task).path("status").equals("succeed"));
  }

  /** Background work continues meanwhile, on a slow machine as often as there are requests. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/kling/v1/videos/text2video/TASK",
        "/kling/v1/videos/text2video?pageNum=1&pageSize=50",
        "/v1/tasks?limit=50",
        "/v1/tasks?limit=50&status=succeed",
        "/v1/tasks?limit=50&kind=text2video&model=kling-v3",
      })
  void a_read_is_one_statement(String path) {
    String url = path.replace("TASK", task);
    tenant.caller().get(url).then().statusCode(200);
    Statements statements = Statements.of(TrackerStack.jdbcUrl());

    for (int i = 0; i < REQUESTS; i++) {
      tenant.caller().get(url).then().statusCode(200);
    }

    Map<String, Long> since = often(statements);
    since.keySet().removeIf(StatementsTest::isBackground);
    assertEquals(List.of((long) REQUESTS), since.values().stream().toList(), since.toString());
  }

  @Test
  void a_final_task_is_read_once_and_then_remembered() {
    Statements statements = Statements.of(TrackerStack.jdbcUrl());

    for (int i = 0; i < REQUESTS; i++) {
      tenant.caller().get("/v1/tasks/" + task).then().statusCode(200);
    }

    Map<String, Long> since = often(statements);
    since.keySet().removeIf(StatementsTest::isBackground);
    assertEquals(Map.of(), since);
  }

  /** Of those that only a request's check and storage need; the work that follows is no part. */
  @Test
  void a_submission_is_one_statement() {
    Statements statements = Statements.of(TrackerStack.jdbcUrl());

    for (int i = 0; i < REQUESTS; i++) {
      tenant.submit("shot-" + UUID.randomUUID());
    }

    Map<String, Long> since = often(statements);
    since.keySet().removeIf(text -> FOR_A_REQUEST.stream().noneMatch(text::contains));
    assertEquals(List.of((long) REQUESTS), since.values().stream().toList(), since.toString());
  }

  private static boolean isBackground(String text) {
    return !text.contains(OF_A_TENANT) && FOR_A_REQUEST.stream().noneMatch(text::contains);
  }

  private static Map<String, Long> often(Statements statements) {
    Map<String, Long> since = statements.since();
    since.values().removeIf(calls -> calls < REQUESTS / 2);
    return since;
  }
}
