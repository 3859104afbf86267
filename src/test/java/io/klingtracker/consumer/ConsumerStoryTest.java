package io.klingtracker.consumer;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The consumer of the guide, the topic of states, a replay, and what is published about them. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ConsumerStoryTest {

  private static final String KEY = "Bearer test-api-key-0001";
  private static final String ADMIN = "Bearer " + TrackerStack.ADMIN_KEY;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject StatusConsumer consumer;

  @Test
  void a_consumer_acts_once_on_each_change_also_when_events_are_replayed() throws Exception {
    String task = submitted();
    await().atMost(LIMIT).until(() -> has(task, "succeed"));
    int changes = lastSequence(task);
    Schemas.event(consumer.lastSeen.get(task).toString());
    int gaps = consumer.gaps.get();
    int repeats = consumer.repeats.get();

    String only = "{\"task_id\":\"" + task + "\"}";
    given()
        .header("Authorization", ADMIN)
        .contentType("application/json")
        .body(only)
        .post("/admin/v1/events/replay")
        .then()
        .statusCode(200)
        .body("events", equalTo(changes), "sent", equalTo(0), "state", equalTo("counted"));
    given()
        .header("Authorization", ADMIN)
        .contentType("application/json")
        .body(only.replace("}", ",\"confirm\":true}"))
        .post("/admin/v1/events/replay")
        .then()
        .statusCode(202);
    await().atMost(LIMIT).until(() -> consumer.repeats.get() >= repeats + changes);
    given()
        .header("Authorization", ADMIN)
        .get("/admin/v1/events/replay")
        .then()
        .statusCode(200)
        .body("sent", equalTo(changes));
    assertEquals(gaps, consumer.gaps.get());
    assertEquals(changes, lastSequence(task));
    // The state topic has the task as the API shows it.
    String shown =
        given().header("Authorization", KEY).get("/v1/tasks/" + task).then().extract().asString();
    Schemas.task(shown);
    ConsumerRecord<String, String> latest = latestState(task);
    ObjectNode state = (ObjectNode) Schemas.task(latest.value());
    assertEquals("test", state.remove("tenant").asText());
    assertEquals(Schemas.task(shown), state);
    // With the headers of the event that made it so.
    assertEquals(task, header(latest, "ce_subject"));
    assertEquals(Integer.toString(changes), header(latest, "ce_sequence"));
    assertEquals(consumer.lastSeen.get(task).get("event_id").asText(), header(latest, "ce_id"));
    assertEquals("kling.task.status-changed.v1", header(latest, "ce_type"));
  }

  @Test
  void replays_are_for_administrators_and_name_what_they_want() {
    given()
        .contentType("application/json")
        .body("{}")
        .post("/admin/v1/events/replay")
        .then()
        .statusCode(401);
    given()
        .header("Authorization", ADMIN)
        .contentType("application/json")
        .body("{}")
        .post("/admin/v1/events/replay")
        .then()
        .statusCode(400);
    given().header("Authorization", ADMIN).get("/admin/v1/set-aside").then().statusCode(200);
  }

  @Test
  void the_contract_of_the_topics_is_published() {
    given()
        .get("/asyncapi.yaml")
        .then()
        .statusCode(200)
        .body(containsString("asyncapi: 3.0.0"), containsString("kling.task.state"));
    given()
        .get("/schemas/task-status-changed.v1.json")
        .then()
        .statusCode(200)
        .body(containsString("https://json-schema.org/draft/2020-12/schema"));
    given().get("/schemas/task.v1.json").then().statusCode(200);
    given().get("/q/health/well").then().statusCode(200).body(containsString("Kafka"));
    given().get("/q/health/ready").then().statusCode(200);
    given()
        .get("/q/metrics")
        .then()
        .statusCode(200)
        .body(
            containsString("tracker_events_unpublished"),
            containsString("tracker_events_oldest_age_seconds"),
            containsString("tracker_set_aside{kind=\"event\"}"),
            containsString("tracker_events_commit_to_ack_seconds_bucket"));
  }

  private boolean has(String task, String status) {
    JsonNode event = consumer.lastSeen.get(task);
    return event != null && event.get("status").asText().equals(status);
  }

  private int lastSequence(String task) {
    return consumer.lastSeen.get(task).get("sequence").asInt();
  }

  private static String submitted() {
    return given()
        .header("Authorization", KEY)
        .contentType("application/json")
        .body("{\"model_name\":\"kling-v2-5-turbo\",\"prompt\":\"a cat\"}")
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  private static String header(ConsumerRecord<String, String> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private static ConsumerRecord<String, String> latestState(String task) {
    try (KafkaConsumer<String, String> states =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                TrackerStack.kafkaBootstrapServers(),
                "auto.offset.reset",
                "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      var partitions =
          states.partitionsFor("kling.task.state").stream()
              .map(partition -> new TopicPartition("kling.task.state", partition.partition()))
              .toList();
      states.assign(partitions);
      Map<TopicPartition, Long> ends = states.endOffsets(partitions);
      @Nullable ConsumerRecord<String, String> latest = null;
      while (partitions.stream().anyMatch(p -> states.position(p) < ends.get(p))) {
        for (ConsumerRecord<String, String> record : states.poll(Duration.ofMillis(200))) {
          latest = record.key().equals(task) ? record : latest;
        }
      }
      assertTrue(latest != null, "no state of " + task);
      return latest;
    }
  }
}
