package io.klingtracker.story;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.Example;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Limits hold for every kind and spelling. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class LimitsStoryTest {

  @Inject Jdbi jdbi;
  @Inject KlingAccounts accounts;

  @BeforeEach
  void nothing_is_sent() {
    TrackerStack.simulator().clearFaults();
    accounts.pause("default");
  }

  @AfterEach
  void the_account_as_it_was() {
    jdbi.useHandle(h -> h.execute("delete from dispatch_queue where tenant_id like 't-%'"));
    accounts.resume("default");
  }

  @Test
  void no_kind_passes_a_budget_that_is_used_up() {
    TestTenant tenant =
        TestTenant.create(
            "{\"name\":\"s\",\"units_per_day\":0.04,\"track_accounts\":[\"default\"]}",
            "{\"name\":\"k\"}");
    Set<String> refused = new HashSet<>();
    for (Example example : Example.all()) {
      Response answer = tenant.caller().body(example.body()).post("/kling/" + example.path());
      assertTrue(
          answer.statusCode() == 429 || example.kind().name().equals("advanced-custom-elements"),
          example.path() + " " + answer.asString());
      refused.add(example.kind().name());
      // A dry run is free.
      tenant
          .caller()
          .header("Tracker-Dry-Run", "true")
          .body(example.body())
          .post("/kling/" + example.path())
          .then()
          .statusCode(200);
    }
    assertTrue(refused.size() > 20, refused.toString());
    tenant
        .caller()
        .body("{\"text\":\"hello\",\"voice_id\":\"v\"}")
        .post("/kling/v1/audio/tts")
        .then()
        .statusCode(429)
        .body("message", containsString("units a day"));
  }

  @Test
  void synchronous_calls_count_until_the_budget_is_used_up_and_stand_in_the_report() {
    TestTenant tenant =
        TestTenant.create("{\"name\":\"s\",\"units_per_day\":0.1}", "{\"name\":\"k\"}");
    List<Integer> statuses = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      statuses.add(
          tenant
              .caller()
              .body("{\"text\":\"hello\",\"voice_id\":\"v\"}")
              .post("/kling/v1/audio/tts")
              .statusCode());
    }

    assertEquals(List.of(200, 200, 429), statuses);
    tenant
        .caller()
        .get("/v1/usage?group_by=key")
        .then()
        .statusCode(200)
        .body("usage[0].key", equalTo(tenant.keyId()))
        .body("usage[0].tasks", equalTo(0))
        .body("usage[0].calls", equalTo(2))
        .body("usage[0].units", equalTo(0.1f));
  }

  @Test
  void what_other_programs_used_ends_what_is_tracked() {
    TestTenant tenant =
        TestTenant.create(
            "{\"name\":\"s\",\"units_per_day\":1,\"track_accounts\":[\"default\"]}",
            "{\"name\":\"k\"}");
    String tracked =
        tenant
            .caller()
            .body("{\"kind\":\"text2video\"}")
            .post("/v1/tasks/track")
            .then()
            .statusCode(200)
            .extract()
            .path("task_id");
    jdbi.useHandle(
        h ->
            h.createUpdate("update task set units = 3 where id = :id")
                .bind("id", tracked)
                .execute());

    tenant
        .caller()
        .get("/v1/usage?group_by=key")
        .then()
        .body("usage[0].key", equalTo(tenant.keyId()))
        .body("usage[0].units", equalTo(3));
    // The count is a second old at most.
    org.awaitility.Awaitility.await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () ->
                tenant
                        .caller()
                        .body("{\"kind\":\"text2video\"}")
                        .post("/v1/tasks/track")
                        .statusCode()
                    == 429);
  }

  @Test
  void invented_models_wait_for_one_pool_and_are_no_label() {
    TestTenant tenant = TestTenant.create();
    for (int i = 0; i < 20; i++) {
      tenant
          .caller()
          .body(
              "{\"model_name\":\"invented-%d\",\"effect_scene\":\"hug_pro\",\"input\":{\"image\":\"https://a.example/b.png\"}}"
                  .formatted(i))
          .post("/kling/v1/videos/effects")
          .then()
          .statusCode(200);
    }

    assertEquals(
        List.of("other"),
        jdbi.withHandle(
            h ->
                h.createQuery("select distinct model from dispatch_queue where tenant_id = :tenant")
                    .bind("tenant", tenant.id())
                    .mapTo(String.class)
                    .list()));
    String metrics = io.restassured.RestAssured.get("/q/metrics").asString();
    assertTrue(!metrics.contains("invented"), "a label is a caller's");
  }

  @Test
  void of_those_who_make_the_same_tenant_at_once_one_does() throws Exception {
    String id = "t-" + UUID.randomUUID();
    ExecutorService callers = Executors.newFixedThreadPool(8);
    try {
      List<Future<Integer>> made = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        made.add(
            callers.submit(
                () ->
                    TestTenant.admin()
                        .body("{\"id\":\"%s\",\"name\":\"s\"}".formatted(id))
                        .post("/admin/v1/tenants")
                        .statusCode()));
      }
      List<Integer> statuses = new ArrayList<>();
      for (Future<Integer> answer : made) {
        statuses.add(answer.get(120, TimeUnit.SECONDS));
      }
      statuses.sort(null);
      assertEquals(List.of(201, 409, 409, 409, 409, 409, 409, 409), statuses);
    } finally {
      callers.shutdownNow();
    }
  }
}
