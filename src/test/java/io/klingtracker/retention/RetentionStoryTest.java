package io.klingtracker.retention;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.database.JdbiProducer;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TasksRemoved;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.watch.ChangeNotifier;
import io.klingtracker.watch.Watches;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** A task that is older than its tenant keeps tasks is gone from every side. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class RetentionStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject Retention retention;
  @Inject CallbackTarget callbacks;

  private final Jdbi jdbi = database();

  @Test
  void a_removed_task_is_gone_from_every_side() {
    TestTenant tenant = TestTenant.create();
    setRetention(tenant, "\"1h\"").body("retention", equalTo("1h"));
    String id = aged(tenant, succeeded(tenant, "order-1"));
    String cursor = tenant.caller().get("/v1/events?limit=1").path("next_cursor");
    String lastEvent =
        Rows.text(
            jdbi,
            "select event_id::text from task_event where task_id = '" + id + "' and sequence = 2");
    tenant.caller().get("/v1/tasks/" + id).then().statusCode(200);
    String usage = usage(tenant);
    counted(tenant);
    String counts = tenant.caller().get("/v1/tasks/counts").asString();

    while (retention.removeBatch()) {
      // Until the round is over.
    }

    tenant.caller().get("/v1/tasks/" + id).then().statusCode(404);
    tenant.caller().get("/v1/tasks/order-1").then().statusCode(404);
    tenant.caller().get("/v1/tasks/" + id + "/timeline").then().statusCode(404);
    tenant
        .caller()
        .get("/kling/v1/videos/text2video/order-1")
        .then()
        .statusCode(400)
        .body("message", containsString("Task not found"));
    tenant.caller().get("/v1/tasks").then().body("tasks", empty());
    assertEquals(usage, usage(tenant));
    assertEquals(counts, tenant.caller().get("/v1/tasks/counts").asString());
    brokenFeed(tenant, cursor, lastEvent);
    callback(id);
    await().atMost(LIMIT).until(() -> statesOf(id).contains(null));
    // Its name is free again.
    succeeded(tenant, "order-1");
  }

  private void counted(TestTenant tenant) {
    await()
        .atMost(LIMIT)
        .until(
            () ->
                Rows.count(
                        jdbi,
                        "task_event e join task_sum_place p using (tenant_id) where tenant_id = '"
                            + tenant.id()
                            + "' and (e.feed_position, e.id) <= (p.position, p.id)")
                    == Rows.count(jdbi, "task_event where tenant_id = '" + tenant.id() + "'"));
    tenant
        .caller()
        .get("/v1/tasks/counts")
        .then()
        .statusCode(200)
        .body("counts[0].status", equalTo("succeed"))
        .body("counts[0].count", equalTo(1));
  }

  private void brokenFeed(TestTenant tenant, String cursor, String lastEvent) {
    String oldest =
        tenant
            .caller()
            .get("/v1/events?after=" + cursor)
            .then()
            .statusCode(410)
            .contentType("application/problem+json")
            .body("code", equalTo("cursor-expired"))
            .body("detail", containsString("oldest_cursor"))
            .extract()
            .path("oldest_cursor");
    tenant
        .caller()
        .get("/v1/events?after=" + oldest)
        .then()
        .statusCode(200)
        .body("events", empty());
    tenant.caller().get("/v1/events").then().statusCode(200).body("events", empty());
    tenant
        .caller()
        .header("Last-Event-ID", lastEvent)
        .get("/v1/events/stream")
        .then()
        .statusCode(410)
        .body("oldest_cursor", not(equalTo(null)));
  }

  @Test
  void a_task_that_another_replica_removed_is_gone_here_too() throws Exception {
    TestTenant tenant = TestTenant.create();
    String id = succeeded(tenant, "order-1");
    List<String> names = List.of(id, "order-1");
    names.forEach(name -> tenant.caller().get("/v1/tasks/" + name).then().statusCode(200));
    jdbi.useTransaction(
        h -> {
          h.execute("delete from task_event where task_id = ?", id);
          h.execute("delete from task where id = ?", id);
        });
    names.forEach(name -> tenant.caller().get("/v1/tasks/" + name).then().statusCode(200));
    ChangeNotifier other = Watches.listening(jdbi);
    try {
      Watches.removed(other, new TasksRemoved(List.of(id)));
      // Sooner than a remembered task is forgotten by itself.
      for (String name : names) {
        await()
            .atMost(LIMIT.dividedBy(2))
            .until(() -> tenant.caller().get("/v1/tasks/" + name).statusCode() == 404);
      }
    } finally {
      Watches.stop(other);
    }
  }

  private void callback(String id) {
    String path = URI.create(callbacks.url(id)).getPath();
    given()
        .contentType("application/json")
        .body("{\"task_id\":\"1\",\"task_status\":\"succeed\"}")
        .post(path)
        .then()
        .statusCode(200)
        .body("message", equalTo("ok"));
    given().contentType("application/json").body("no JSON").post(path).then().statusCode(200);
    given().contentType("application/json").body("{}").post(path + "x").then().statusCode(401);
    assertEquals(0, Rows.count(jdbi, "callback_receipt where task_id = '" + id + "'"));
    given()
        .get("/q/metrics")
        .then()
        .body(containsString("tracker_callbacks_received_total{verdict=\"removed\"}"));
  }

  @Test
  void a_tenants_age_is_set_left_alone_and_removed() {
    TestTenant tenant = TestTenant.create();
    setRetention(tenant, "\"P30D\"").body("retention", equalTo("30D"));
    TestTenant.admin()
        .body("{\"name\":\"other\"}")
        .put("/admin/v1/tenants/" + tenant.id())
        .then()
        .statusCode(200)
        .body("retention", equalTo("30D"));
    setRetention(tenant, "null").body("retention", equalTo(null));
    for (String nonsense : List.of("\"59m\"", "\"36501D\"", "\"soon\"", "\"-1h\"")) {
      TestTenant.admin()
          .body("{\"retention\":" + nonsense + "}")
          .patch("/admin/v1/tenants/" + tenant.id())
          .then()
          .statusCode(400)
          .body(
              "detail", equalTo("retention must be a time from 1h to 36500D, such as 12h or 30D"));
    }
  }

  private static ValidatableResponse setRetention(TestTenant tenant, String value) {
    return TestTenant.admin()
        .body("{\"retention\":" + value + "}")
        .patch("/admin/v1/tenants/" + tenant.id())
        .then()
        .statusCode(200);
  }

  private static String usage(TestTenant tenant) {
    return String.valueOf(
        tenant
            .caller()
            .get("/v1/usage")
            .then()
            .statusCode(200)
            .extract()
            .jsonPath()
            .getList("usage"));
  }

  private String succeeded(TestTenant tenant, String externalTaskId) {
    String id = tenant.submit(externalTaskId);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> tenant.caller().get("/v1/tasks/" + id).then().body("status", equalTo("succeed")));
    await().atMost(LIMIT).until(() -> Rows.count(jdbi, "outbox where task_id = '" + id + "'") == 0);
    await()
        .atMost(LIMIT)
        .until(
            () ->
                Rows.count(
                        jdbi,
                        "callback_pending p join callback_receipt r on r.id = p.receipt_id where r.task_id = '"
                            + id
                            + "'")
                    == 0);
    return id;
  }

  /** The same task as if it had been submitted two hours ago. */
  private String aged(TestTenant tenant, String id) {
    Instant then = Instant.now().minus(Duration.ofHours(2));
    String older = TaskId.next(then);
    jdbi.useTransaction(
        h -> {
          h.execute("set local session_replication_role = replica");
          for (String table :
              List.of("task_event", "task_request", "task_news", "callback_receipt")) {
            h.execute("update " + table + " set task_id = ? where task_id = ?", older, id);
          }
          h.execute(
              "update task_event set occurred_at = now() - interval '2 hours' where task_id = ?",
              older);
          h.execute(
              "update task set id = ?, finished_at = now() - interval '2 hours' where id = ? and tenant_id = ?",
              older,
              id,
              tenant.id());
        });
    return older;
  }

  /** What the topic of states has had of a task; null is a tombstone. */
  private static List<String> statesOf(String id) {
    try (KafkaConsumer<String, String> states =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                TrackerStack.kafkaBootstrapServers(),
                "auto.offset.reset",
                "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      List<TopicPartition> partitions =
          states.partitionsFor("kling.task.state").stream()
              .map(partition -> new TopicPartition("kling.task.state", partition.partition()))
              .toList();
      states.assign(partitions);
      Map<TopicPartition, Long> ends = states.endOffsets(partitions);
      List<String> found = new ArrayList<>();
      while (partitions.stream().anyMatch(p -> states.position(p) < ends.get(p))) {
        for (ConsumerRecord<String, String> record : states.poll(Duration.ofMillis(200))) {
          if (record.key().equals(id)) {
            found.add(record.value());
          }
        }
      }
      return found;
    }
  }

  private static Jdbi database() {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(TrackerStack.jdbcUrl());
    source.setUser(EmbeddedPostgresServer.USER);
    source.setPassword("");
    return JdbiProducer.over(source);
  }
}
