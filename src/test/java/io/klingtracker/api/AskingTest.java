package io.klingtracker.api;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Asking and waiting over HTTP. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class AskingTest {

  private static final Duration SLOWEST = Duration.ofSeconds(60);

  private TestTenant tenant;

  @BeforeEach
  void a_tenant_and_a_simulator_without_faults() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
  }

  @Test
  void a_long_poll_answers_at_the_next_change_and_a_final_task_at_once() {
    String id = tenant.submit("shot-" + UUID.randomUUID());

    int sequence = 1;
    String status = "queued";
    while (!status.equals("succeed")) {
      Response changed = tenant.caller().get("/v1/tasks/" + id + "?wait=30&after=" + sequence);
      changed.then().statusCode(200).body("sequence", greaterThan(sequence));
      sequence = changed.path("sequence");
      status = changed.path("status");
    }

    long begun = System.nanoTime();
    tenant.caller().get("/v1/tasks/" + id + "?wait=30&after=" + sequence).then().statusCode(200);
    assertTrue(Duration.ofNanos(System.nanoTime() - begun).compareTo(Duration.ofSeconds(29)) < 0);
  }

  @Test
  void a_long_poll_whose_time_is_over_answers_with_what_is() {
    String id = tenant.submit("shot-" + UUID.randomUUID());

    tenant
        .caller()
        .get("/v1/tasks/" + id + "?wait=1&after=1000")
        .then()
        .statusCode(200)
        .body("task_id", equalTo(id));
  }

  @Test
  void a_submission_that_prefers_to_wait_is_answered_with_the_end() {
    Response done = submit("wait=30");

    done.then()
        .statusCode(200)
        .header("Preference-Applied", "wait=30")
        .body("code", equalTo(0))
        .body("data.task_status", equalTo("succeed"))
        .body("data.task_result.videos[0].url", containsString("http"));
  }

  @Test
  void a_submission_does_not_wait_longer_than_it_prefers() {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(60_000, 60_100)).times(1));
    long begun = System.nanoTime();
    Response open = submit("respond-async, wait=1");
    Duration took = Duration.ofNanos(System.nanoTime() - begun);

    open.then()
        .statusCode(200)
        .header("Preference-Applied", "wait=1")
        .body("data.task_status", equalTo("submitted"));
    assertTrue(took.compareTo(Duration.ofMillis(950)) > 0, "took " + took);
    submit("return=minimal").then().statusCode(200).header("Preference-Applied", nullValue());
  }

  private Response submit(String prefer) {
    return tenant
        .caller()
        .header("Prefer", prefer)
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
        .post("/kling/v1/videos/text2video");
  }

  @ParameterizedTest
  @ValueSource(strings = {"wait=61", "wait=-1", "wait=x", "wait=1&after=-2", "wait=1&after=x"})
  void a_senseless_wait_is_refused(String query) {
    tenant
        .caller()
        .get("/v1/tasks/none?" + query)
        .then()
        .statusCode(400)
        .contentType("application/problem+json")
        .body("detail", containsString("must be"));
  }

  @Test
  void a_final_task_has_a_tag_that_saves_its_body() {
    String id = finished("shot-" + UUID.randomUUID());
    // The last that comes of a task is the copy of its result, and changes the tag.
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> tenant.caller().get("/v1/tasks/" + id).path("results") != null);
    Response first = tenant.caller().get("/v1/tasks/" + id);
    String tag = first.then().statusCode(200).extract().header("ETag");
    Response remembered = tenant.caller().get("/v1/tasks/" + id);
    assertEquals(first.asString(), remembered.asString());
    assertEquals(first.contentType(), remembered.contentType());
    assertEquals(
        tenant.caller().get("/v1/tasks/" + tenant.submit("waits-" + id)).contentType(),
        remembered.contentType());

    tenant.caller().header("If-None-Match", tag).get("/v1/tasks/" + id).then().statusCode(304);
    tenant
        .caller()
        .header("If-None-Match", "\"other\"")
        .get("/v1/tasks/" + id)
        .then()
        .statusCode(200);
    TestTenant.create()
        .caller()
        .header("If-None-Match", tag)
        .get("/v1/tasks/" + id)
        .then()
        .statusCode(404);
  }

  @Test
  void a_task_is_found_by_each_of_its_ids_one_by_one_and_in_a_batch() {
    String external = "shot-" + UUID.randomUUID();
    String id = finished(external);
    String kling = tenant.caller().get("/v1/tasks/" + id).path("kling_task_id");

    for (String any : List.of(id, external, kling)) {
      tenant.caller().get("/v1/tasks/" + any).then().statusCode(200).body("task_id", equalTo(id));
    }
    tenant
        .caller()
        .body(
            "{\"ids\":[\"%s\",\"%s\",\"%s\",\"nobody\",\"%s\"]}".formatted(kling, external, id, id))
        .post("/v1/tasks/batch")
        .then()
        .statusCode(200)
        .body("tasks.task_id", equalTo(List.of(id, id, id)))
        .body("not_found", equalTo(List.of("nobody")));
    tenant.caller().body("{\"ids\":[null]}").post("/v1/tasks/batch").then().statusCode(400);
    tenant.caller().body("{}").post("/v1/tasks/batch").then().statusCode(400);
    String many = "\"x\",".repeat(200) + "\"x\"";
    tenant.caller().body("{\"ids\":[" + many + "]}").post("/v1/tasks/batch").then().statusCode(400);
    tenant.caller().get("/v1/tasks/%00").then().statusCode(404);
  }

  @Test
  void a_list_that_grows_while_it_is_read_shows_each_older_task_once() {
    List<String> older = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      older.add(0, tenant.submit("old-" + i));
    }

    List<String> read = new ArrayList<>();
    String cursor = null;
    int page = 0;
    do {
      Response answer =
          tenant.caller().get("/v1/tasks?limit=5" + (cursor == null ? "" : "&cursor=" + cursor));
      answer.then().statusCode(200);
      read.addAll(answer.path("tasks.task_id"));
      cursor = answer.path("next_cursor");
      tenant.submit("new-" + page++);
    } while (cursor != null);

    assertEquals(older, read);
  }

  @Test
  void lists_filter_by_everything_they_promise() {
    String external = "shot-" + UUID.randomUUID();
    String id = finished(external);
    String created = tenant.caller().get("/v1/tasks/" + id).path("created_at");

    for (String matching :
        List.of(
            "status=succeed",
            "kind=text2video",
            "model=kling-v3",
            "external_task_id=" + external,
            "created_after=" + created,
            "status=succeed&kind=text2video&model=kling-v3&created_after=" + created)) {
      tenant
          .caller()
          .get("/v1/tasks?" + matching)
          .then()
          .statusCode(200)
          .body("tasks.task_id", equalTo(List.of(id)));
    }
    for (String other :
        List.of(
            "status=queued",
            "status=submitted",
            "status=processing",
            "status=expired",
            "status=failed",
            "status=canceled",
            "kind=image2video",
            "model=kling-v1",
            "external_task_id=x",
            "created_before=" + created,
            "status=failed&model=kling-v3")) {
      tenant
          .caller()
          .get("/v1/tasks?" + other)
          .then()
          .statusCode(200)
          .body("tasks", empty())
          .body("next_cursor", nullValue());
    }
    for (String senseless :
        List.of(
            "status=done",
            "limit=0",
            "limit=201",
            "created_after=monday",
            "cursor=x",
            "cursor=" + id,
            "kind=%00")) {
      tenant
          .caller()
          .urlEncodingEnabled(false)
          .get("/v1/tasks?" + senseless)
          .then()
          .statusCode(400);
    }
  }

  @Test
  void usage_counts_tasks_and_units_by_day_model_and_key() {
    finished("shot-" + UUID.randomUUID());

    tenant
        .caller()
        .get("/v1/usage?group_by=day,model,key")
        .then()
        .statusCode(200)
        .body("usage", hasSize(1))
        .body("usage[0].day", notNullValue())
        .body("usage[0].model", equalTo("kling-v3"))
        .body("usage[0].key", equalTo(tenant.keyId()))
        .body("usage[0].tasks", equalTo(1))
        .body("usage[0].succeeded", equalTo(1))
        .body("usage[0].units", notNullValue());
    tenant
        .caller()
        .get("/v1/usage")
        .then()
        .body("usage", hasSize(1))
        .body("usage[0].containsKey('day')", equalTo(false));
    tenant.caller().get("/v1/usage?from=2026-01-01&to=2026-01-01").then().statusCode(400);
    tenant.caller().get("/v1/usage?group_by=weather").then().statusCode(400);
    tenant
        .caller()
        .get("/v1/usage?group_by=tenant")
        .then()
        .statusCode(400)
        .body("detail", equalTo("group_by takes day, model and key, separated by commas"));
    String own = "find { it.tenant == '" + tenant.id() + "' }.tasks";
    TestTenant.admin()
        .get("/admin/v1/usage?group_by=tenant")
        .then()
        .statusCode(200)
        .body("usage." + own, equalTo(1));
    TestTenant.admin()
        .get("/admin/v1/usage?group_by=tenant,day,model,key&tenant=" + tenant.id())
        .then()
        .statusCode(200)
        .body("usage", hasSize(1))
        .body("usage[0].key", equalTo(tenant.keyId()));
    TestTenant.admin().get("/admin/v1/usage?tenant=nobody").then().statusCode(404);
    TestTenant.admin()
        .get("/admin/v1/usage?from=2026-01-01&to=2026-03-01")
        .then()
        .statusCode(400)
        .body("detail", containsString("31 days without a tenant"));
  }

  private String finished(String external) {
    String id = tenant.submit(external);
    await()
        .atMost(SLOWEST)
        .until(() -> "succeed".equals(tenant.caller().get("/v1/tasks/" + id).path("status")));
    return id;
  }
}
