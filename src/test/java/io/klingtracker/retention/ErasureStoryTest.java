package io.klingtracker.retention;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.CallbackTarget;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
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

/** A task that its owner erases is gone from every side, and every channel tells so. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ErasureStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject Jdbi jdbi;
  @Inject CallbackTarget callbacks;
  @TestHTTPResource URI base;

  @Test
  void an_erased_task_is_gone_from_every_side_and_every_channel_tells_so() throws Exception {
    TestTenant tenant = TestTenant.erasing();
    String id = succeeded(tenant, "secret-1");
    tenant.caller().get("/v1/tasks/secret-1").then().statusCode(200);
    String cursor = tenant.caller().get("/v1/events").path("next_cursor");
    String lastEvent =
        Rows.text(
            jdbi,
            "select event_id::text from task_event where task_id = '%s' order by sequence desc limit 1"
                .formatted(id));
    int sequence = (int) Rows.number(jdbi, "select sequence from task where id = '" + id + "'");
    int receipts = (int) Rows.count(jdbi, "callback_receipt where task_id = '" + id + "'");
    assertTrue(receipts > 0);
    HttpResponse<InputStream> stream = follow(tenant, lastEvent);

    tenant.caller().delete("/v1/tasks/secret-1").then().statusCode(204);

    for (String path : List.of("/v1/tasks/" + id, "/v1/tasks/secret-1")) {
      tenant.caller().get(path).then().statusCode(404);
      tenant.caller().delete(path).then().statusCode(404);
    }
    tenant.caller().get("/v1/tasks").then().body("tasks", empty());
    tenant
        .caller()
        .get("/v1/events?after=" + cursor + "&wait=30")
        .then()
        .statusCode(200)
        .body("events", hasSize(1))
        .body("events[0].type", equalTo("kling.task.erased.v1"))
        .body("events[0].task_id", equalTo(id))
        .body("events[0].sequence", equalTo(sequence + 1))
        .body("events[0].external_task_id", equalTo(null))
        .body("events[0].status", equalTo("succeed"))
        .body("events[0].source", equalTo("erase"));
    // From the beginning there is nothing else, and no reader is broken.
    tenant.caller().get("/v1/events").then().statusCode(200).body("events", hasSize(1));
    assertTrue(line(stream).contains("kling.task.erased.v1"));
    // A reader who saw the last event of what is erased continues behind it.
    assertTrue(line(follow(tenant, lastEvent)).contains("kling.task.erased.v1"));
    onKafka(id, sequence + 1);
    lateCallback(id);
    audited(tenant, id);
    succeeded(tenant, "secret-1");
  }

  @Test
  void what_runs_is_not_erased_and_strangers_erase_nothing() {
    TestTenant tenant = TestTenant.erasing();
    TrackerStack.simulator().clearFaults();
    String id = succeeded(tenant, "mine");
    TestTenant.erasing().caller().delete("/v1/tasks/" + id).then().statusCode(404);
    tenant.caller().get("/v1/tasks/" + id).then().statusCode(200);
    String waiting =
        tenant
            .caller()
            .body(
                "{\"kind\":\"text2video\",\"external_task_id\":\"theirs\",\"account\":\"default\"}")
            .post("/v1/tasks/track")
            .then()
            .statusCode(200)
            .extract()
            .path("task_id");
    tenant
        .caller()
        .delete("/v1/tasks/" + waiting)
        .then()
        .statusCode(409)
        .contentType("application/problem+json")
        .body("detail", containsString("has not ended"));
    tenant.caller().get("/v1/tasks/" + waiting).then().statusCode(200);
  }

  private String succeeded(TestTenant tenant, String externalTaskId) {
    String id = tenant.submit(externalTaskId);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> tenant.caller().get("/v1/tasks/" + id).then().body("status", equalTo("succeed")));
    return id;
  }

  private HttpResponse<InputStream> follow(TestTenant tenant, String lastEvent)
      throws IOException, InterruptedException {
    HttpResponse<InputStream> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(base.resolve("/v1/events/stream"))
                    .header("Authorization", "Bearer " + tenant.apiKey())
                    .header("Last-Event-ID", lastEvent)
                    .build(),
                HttpResponse.BodyHandlers.ofInputStream());
    assertEquals(200, answer.statusCode());
    return answer;
  }

  /** The first event of a stream. */
  private static String line(HttpResponse<InputStream> stream) throws IOException {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(stream.body(), StandardCharsets.UTF_8))) {
      String line = lines.readLine();
      while (line != null && !line.startsWith("data:")) {
        line = lines.readLine();
      }
      return String.valueOf(line);
    }
  }

  private void onKafka(String id, int sequence) {
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              List<ConsumerRecord<String, String>> events = records("kling.task.events", id);
              ConsumerRecord<String, String> last = events.get(events.size() - 1);
              assertEquals("kling.task.erased.v1", header(last, "ce_type"));
              assertEquals(Integer.toString(sequence), header(last, "ce_sequence"));
              assertEquals(
                  header(last, "ce_id"), Schemas.erased(last.value()).path("event_id").asText());
              assertFalse(last.value().contains("secret"));
              List<ConsumerRecord<String, String>> states = records("kling.task.state", id);
              assertEquals(null, states.get(states.size() - 1).value());
            });
  }

  private static String header(ConsumerRecord<String, String> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private void lateCallback(String id) {
    given()
        .contentType("application/json")
        .body("{\"task_id\":\"1\",\"task_status\":\"succeed\"}")
        .post(URI.create(callbacks.url(id)).getPath())
        .then()
        .statusCode(200)
        .body("message", equalTo("ok"));
    assertEquals(0, Rows.count(jdbi, "callback_receipt where task_id = '" + id + "'"));
  }

  /** Without what may have been erased: the caller's own id. */
  private void audited(TestTenant tenant, String id) {
    TestTenant.admin()
        .get("/admin/v1/audit?limit=50")
        .then()
        .statusCode(200)
        .body("entries.path", hasItem("/v1/tasks/" + id))
        .body(
            "entries.find { it.path == '/v1/tasks/" + id + "' }.actor",
            containsString(tenant.id()));
    assertEquals(0, Rows.count(jdbi, "audit_log a where a::text like '%secret-1%'"));
  }

  /** What a topic has had of a task so far. */
  private static List<ConsumerRecord<String, String>> records(String topic, String id) {
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                TrackerStack.kafkaBootstrapServers(),
                "auto.offset.reset",
                "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(partition -> new TopicPartition(topic, partition.partition()))
              .toList();
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      List<ConsumerRecord<String, String>> found = new ArrayList<>();
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          if (id.equals(record.key())) {
            found.add(record);
          }
        }
      }
      return found;
    }
  }
}
