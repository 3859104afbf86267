package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.standardwebhooks.Webhook;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a caller who gives a callback_url sees. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class WebhookStoryTest {

  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final String KEY = "test-api-key-0001";
  private static final ObjectMapper JSON = new ObjectMapper();

  @Inject Jdbi jdbi;

  private final List<Received> received = new CopyOnWriteArrayList<>();
  private volatile ToIntFunction<Received> answer = webhook -> 200;
  private HttpServer receiver;

  private record Received(Map<String, List<String>> headers, String body) {

    JsonNode json() {
      try {
        return JSON.readTree(body);
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }

    String header(String name) {
      return headers.getOrDefault(name, List.of("")).get(0);
    }
  }

  @BeforeEach
  void a_receiver() throws IOException {
    TrackerStack.simulator().clearFaults();
    receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
    receiver.setExecutor(Executors.newFixedThreadPool(2));
    receiver.createContext("/", this::receive);
    receiver.start();
  }

  @AfterEach
  void no_receiver() {
    receiver.stop(0);
  }

  private void receive(HttpExchange exchange) throws IOException {
    Map<String, List<String>> headers = new ConcurrentHashMap<>();
    exchange
        .getRequestHeaders()
        .forEach((name, values) -> headers.put(name.toLowerCase(java.util.Locale.ROOT), values));
    Received webhook =
        new Received(
            headers, new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
    received.add(webhook);
    exchange.sendResponseHeaders(answer.applyAsInt(webhook), -1);
    exchange.close();
  }

  /** All that a handler for Kling's own callbacks knows. */
  private static void handlerWrittenForKling(String body, Map<String, String> videos)
      throws IOException {
    JsonNode callback = JSON.readTree(body);
    String status = callback.get("task_status").asText();
    if (status.equals("succeed")) {
      videos.put(
          callback.get("task_id").asText(),
          callback.get("task_result").get("videos").get(0).get("url").asText());
    } else if (status.equals("failed")) {
      videos.put(
          callback.get("task_id").asText(), "failed: " + callback.get("task_status_msg").asText());
    }
  }

  @Test
  void a_handler_written_for_kling_works_unchanged() throws Exception {
    String secret = rotate("{\"rotate_secret\":true}").path("secret");
    String external = "cb-" + UUID.randomUUID();
    String id = submit(external);
    await(
        () ->
            received.stream()
                .anyMatch(r -> r.json().path("task_status").asText().equals("succeed")));

    Map<String, String> videos = new ConcurrentHashMap<>();
    for (Received webhook : received) {
      handlerWrittenForKling(webhook.body(), videos);
      new Webhook(secret).verify(webhook.body(), webhook.headers());
      assertEquals(external, webhook.json().at("/task_info/external_task_id").asText());
      assertEquals(13, String.valueOf(webhook.json().get("created_at").asLong()).length());
      assertTrue(
          webhook.json().get("updated_at").asLong() >= webhook.json().get("created_at").asLong());
    }
    assertEquals(List.of(id), List.copyOf(videos.keySet()));
    assertTrue(videos.get(id).startsWith("http"), videos.toString());
    List<Integer> sequences =
        received.stream().map(r -> Integer.parseInt(r.header("tracker-sequence"))).toList();
    assertEquals(sequences.stream().sorted().distinct().toList(), sequences);
    // The same ids as on every other channel.
    Response deliveries = awaitDeliveries(id, sequences.size());
    deliveries
        .then()
        .body("deliveries.state", org.hamcrest.Matchers.everyItem(equalTo("delivered")))
        .body(
            "deliveries.id", hasItems(received.stream().map(r -> r.header("webhook-id")).toArray()))
        .body("next_cursor", nullValue());
    assertEquals("queued", firstWord(id));
  }

  @Test
  void a_failure_is_told_with_what_it_was_and_what_it_cost() throws Exception {
    TrackerStack.simulator()
        .fault(
            FaultRule.on(Operation.RENDER, new Fault.RenderFails("Image pixel is invalid"))
                .times(1));
    String id = submit("failing-" + UUID.randomUUID());
    awaitStatus(id, "failed");
    await(
        () ->
            received.stream()
                .anyMatch(r -> r.json().path("task_status").asText().equals("failed")));

    for (Received webhook : received) {
      boolean failed = webhook.json().path("task_status").asText().equals("failed");
      assertEquals(failed ? "input" : "", webhook.header("tracker-error-class"));
      assertEquals(failed ? "false" : "", webhook.header("tracker-retryable"));
    }
    caller()
        .get("/v1/tasks/" + id)
        .then()
        .body("error_class", equalTo("input"))
        .body("retryable", equalTo(false))
        .body("cost.state", equalTo("charged"))
        .body("cost.units", equalTo(0))
        .body("cost.amount", nullValue());
    List<Map<String, Object>> events =
        caller().get("/v1/events?limit=1000").<List<Map<String, Object>>>path("events").stream()
            .filter(event -> id.equals(event.get("task_id")))
            .toList();
    assertEquals("expected", ((Map<?, ?>) events.get(0).get("cost")).get("state"));
    assertEquals("USD", ((Map<?, ?>) events.get(0).get("cost")).get("currency"));
    Map<String, Object> last = events.get(events.size() - 1);
    assertEquals("input", last.get("error_class"));
    assertEquals(false, last.get("retryable"));
    assertEquals("charged", ((Map<?, ?>) last.get("cost")).get("state"));
  }

  private static String firstWord(String id) {
    return caller().get("/v1/tasks/" + id + "/timeline").path("entries[0].status");
  }

  @ParameterizedTest
  @CsvSource({
    "http://169.254.169.254/latest/meta-data/, cloud metadata",
    "http://0xa9fea9fe/, cloud metadata",
    "http://[fe80::1]/, link-local",
    "http://user:secret@hooks.example.com/, user name",
    "ftp://hooks.example.com/, http",
    "https://hooks.example.com:22/, port 80",
  })
  void a_receiver_that_can_never_be_called_is_refused_at_once(String url, String rule) {
    caller()
        .body(body("x-" + UUID.randomUUID(), url))
        .post(CREATE)
        .then()
        .statusCode(400)
        .body("code", equalTo(1201))
        .body("message", startsWith("callback_url "))
        .body("message", containsString(rule));
  }

  @Test
  void a_receiver_that_wants_no_more_is_told_again_only_on_order() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    answer = goneAfter(ended);
    Instant before = Instant.now();
    String id = submit("gone-" + UUID.randomUUID());
    awaitStatus(id, "succeed");
    ended.countDown();
    await(
        () ->
            caller()
                    .get("/v1/webhooks/deliveries?task_id=" + id)
                    .<List<String>>path("deliveries.state")
                    .stream()
                    .filter("failed"::equals)
                    .count()
                >= 3);
    String delivery = received.get(0).header("webhook-id");
    caller()
        .get("/v1/webhooks/deliveries/" + delivery)
        .then()
        .body("state", equalTo("failed"))
        .body("reason", containsString("410"))
        .body("attempt_log", hasSize(1))
        .body("attempt_log[0].status", equalTo(410))
        .body("attempt_log[0].error", equalTo("status"))
        .body("attempt_log[0].latency_ms", greaterThanOrEqualTo(0));

    answer = webhook -> 204;
    received.clear();
    caller()
        .post("/v1/webhooks/deliveries/" + delivery + "/redeliver")
        .then()
        .statusCode(202)
        .body("id", equalTo(delivery));
    await(() -> received.size() == 1);
    assertEquals(delivery, received.get(0).header("webhook-id"));

    String order = "{\"since\":\"" + before + "\",\"tenant\":\"test\",\"host\":\"" + host() + "\"";
    int count = admin().body(order + "}").post("/admin/v1/webhooks/redeliver").path("count");
    assertTrue(count >= 2, "count " + count);
    assertEquals(1, received.size());
    admin()
        .body(order + ",\"confirm\":true}")
        .post("/admin/v1/webhooks/redeliver")
        .then()
        .body("redelivered", equalTo(count));
    await(() -> received.size() == 1 + count);
    awaitDeliveries(id, count)
        .then()
        .body("deliveries.state", org.hamcrest.Matchers.everyItem(equalTo("delivered")));
    List<Integer> sequences =
        received.subList(1, 1 + count).stream()
            .map(r -> Integer.parseInt(r.header("tracker-sequence")))
            .toList();
    assertEquals(sequences.stream().sorted().toList(), sequences);
  }

  @Test
  void a_tenant_recovers_what_has_failed_and_nobody_elses() throws Exception {
    TestTenant tenant = TestTenant.create();
    CountDownLatch ended = new CountDownLatch(1);
    answer = goneAfter(ended);
    Instant before = Instant.now();
    String id = submitAs(tenant);
    org.awaitility.Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> "succeed".equals(tenant.caller().get("/v1/tasks/" + id).path("status")));
    ended.countDown();
    await(
        () ->
            tenant
                    .caller()
                    .get("/v1/webhooks/deliveries?state=failed&task_id=" + id)
                    .<List<String>>path("deliveries.id")
                    .size()
                >= 3);
    String order = "{\"since\":\"" + before + "\",\"host\":\"" + host() + "\"";
    TestTenant.create()
        .caller()
        .body(order + ",\"confirm\":true}")
        .post("/v1/webhooks/redeliver")
        .then()
        .statusCode(200)
        .body("count", equalTo(0));
    tenant
        .caller()
        .body(order + "}")
        .post("/v1/webhooks/redeliver")
        .then()
        .body("count", equalTo(3))
        .body("redelivered", equalTo(0));
    answer = webhook -> 200;
    received.clear();
    tenant
        .caller()
        .body(order + ",\"confirm\":true}")
        .post("/v1/webhooks/redeliver")
        .then()
        .body("redelivered", equalTo(3));
    await(() -> received.size() == 3);
    tenant.caller().body("{}").post("/v1/webhooks/redeliver").then().statusCode(400);
  }

  /** 410, after so long over the first that the task's other changes wait behind it. */
  private static ToIntFunction<Received> goneAfter(CountDownLatch ended) {
    return webhook -> {
      try {
        ended.await(8, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      return 410;
    };
  }

  @Test
  void a_paused_host_is_told_by_kafka_and_by_the_api_and_so_is_its_return() throws Exception {
    TestTenant tenant = TestTenant.create();
    answer = webhook -> 503;
    // It has failed for five days; the next failure is the one too many.
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    insert into webhook_host (tenant_id, host, trouble, failing_since, last_failed_at, last_reason)
                    values (:tenant, :host, 1, now() - interval '6 days', now() - interval '1 hour', 'status 503')
                    """)
                .bind("tenant", tenant.id())
                .bind("host", host())
                .execute());
    submitAs(tenant);
    String hosts = "/v1/webhooks/hosts";
    await(() -> tenant.caller().get(hosts + "?paused=true").<List<?>>path("hosts").size() == 1);

    tenant.caller().post(hosts + "/" + host() + "/resume").then().statusCode(204);

    tenant
        .caller()
        .get(hosts + "/events")
        .then()
        .statusCode(200)
        .body("events.state", equalTo(List.of("resumed", "paused")))
        .body("events.reason", equalTo(List.of("on request", "status 503")))
        .body("events.tenant", hasItems(tenant.id()))
        .body("next_cursor", nullValue());
    caller().get(hosts + "/events?cursor=x").then().statusCode(400);
    TestTenant.create().caller().get(hosts + "/events").then().body("events", empty());
    List<String> ids = tenant.caller().get(hosts + "/events").path("events.event_id");
    given()
        .get("/q/metrics")
        .then()
        .body(containsString("tracker_webhook_hosts_changes_total{to=\"paused\"}"));

    List<ConsumerRecord<String, String>> records = hostRecords(tenant.id() + "/" + host(), 2);
    assertEquals(
        List.of("kling.webhook.host-paused.v1", "kling.webhook.host-resumed.v1"),
        records.stream().map(r -> header(r, "ce_type")).toList());
    assertEquals(
        List.of(ids.get(1), ids.get(0)), records.stream().map(r -> header(r, "ce_id")).toList());
    for (ConsumerRecord<String, String> record : records) {
      JsonNode event = Schemas.host(record.value());
      assertEquals(tenant.id(), event.path("tenant").asText());
      assertEquals(header(record, "ce_id"), event.path("event_id").asText());
      assertEquals("1.0", header(record, "ce_specversion"));
      assertEquals("/kling-task-tracker", header(record, "ce_source"));
      assertEquals(host(), header(record, "ce_subject"));
    }
  }

  private static String header(ConsumerRecord<String, String> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private static List<ConsumerRecord<String, String>> hostRecords(String key, int count) {
    List<ConsumerRecord<String, String>> found = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", TrackerStack.kafkaBootstrapServers()),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(
          consumer.partitionsFor("kling.webhook.hosts").stream()
              .map(p -> new TopicPartition(p.topic(), p.partition()))
              .toList());
      consumer.seekToBeginning(consumer.assignment());
      await(
          () -> {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
              if (record.key().equals(key)) {
                found.add(record);
              }
            }
            return found.size() >= count;
          });
    }
    return found;
  }

  private String submitAs(TestTenant tenant) {
    return tenant
        .caller()
        .body(body("own-" + UUID.randomUUID(), url()))
        .post(CREATE)
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  @Test
  void a_test_webhook_tells_what_came_of_it() throws Exception {
    String secret = rotate("{\"rotate_secret\":true,\"overlap_seconds\":0}").path("secret");
    Response result = caller().body("{\"url\":\"" + url() + "\"}").post("/v1/webhooks/test");

    result.then().statusCode(200).body("delivered", equalTo(true)).body("status", equalTo(200));
    Received webhook = received.get(0);
    assertEquals(result.path("webhook_id"), webhook.header("webhook-id"));
    assertEquals("submitted", webhook.json().get("task_status").asText());
    new Webhook(secret).verify(webhook.body(), webhook.headers());
    caller().body("{\"url\":\"" + url() + "\"}").post("/v1/webhooks/test").then().statusCode(429);
    caller()
        .body("{\"url\":\"http://169.254.169.254/\"}")
        .post("/v1/webhooks/test")
        .then()
        .statusCode(400)
        .contentType("application/problem+json")
        .body("detail", containsString("metadata"));
  }

  @Test
  void a_secret_is_shown_once_and_its_predecessor_goes_on_for_a_while() throws Exception {
    String first = rotate("{\"rotate_secret\":true,\"overlap_seconds\":0}").path("secret");
    String second = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi";
    rotate("{\"secret\":\"" + second + "\"}")
        .then()
        .body("secret", equalTo(second))
        .body("secrets", hasSize(2))
        .body("secrets[0].expires_at", nullValue())
        .body("secrets[1].expires_at", startsWith("20"));
    Response settings = caller().get("/v1/webhooks/settings");
    settings
        .then()
        .statusCode(200)
        .body("retries", hasItems(5, 30, 120))
        .body("timeout_seconds", equalTo(15));
    assertNull(settings.path("secret"));
    assertTrue(!settings.asString().contains("whsec_"), "a secret is shown once");

    submit("rot-" + UUID.randomUUID());
    await(() -> !received.isEmpty());
    Received webhook = received.get(0);
    assertEquals(2, webhook.header("webhook-signature").split(" ").length);
    new Webhook(first).verify(webhook.body(), webhook.headers());
    new Webhook(second).verify(webhook.body(), webhook.headers());
    rotate("{}").then().statusCode(400);
    rotate("{\"secret\":\"whsec_dG9vLXNob3J0\"}")
        .then()
        .statusCode(400)
        .body("detail", containsString("24"));
  }

  @Test
  void what_is_not_there_or_not_allowed_says_so() {
    String nobody = UUID.randomUUID().toString();
    caller().get("/v1/webhooks/deliveries/" + nobody).then().statusCode(404);
    caller().post("/v1/webhooks/deliveries/" + nobody + "/redeliver").then().statusCode(404);
    caller().post("/v1/webhooks/deliveries/x/redeliver").then().statusCode(404);
    caller().get("/v1/webhooks/deliveries?state=lost").then().statusCode(400);
    caller().get("/v1/webhooks/deliveries?limit=0").then().statusCode(400);
    caller().get("/v1/webhooks/deliveries?cursor=x").then().statusCode(400);
    caller().post("/v1/webhooks/hosts/fine.example/resume").then().statusCode(404);
    given().get("/v1/webhooks/deliveries").then().statusCode(401);
    caller().get("/admin/v1/webhooks/hosts").then().statusCode(401);
    admin().get("/admin/v1/webhooks/hosts").then().statusCode(200);
    admin().body("{}").post("/admin/v1/webhooks/redeliver").then().statusCode(400);
    given().get("/.well-known/webhook-keys").then().statusCode(200).body("keys", empty());
    given().get("/q/metrics").then().body(containsString("tracker_webhook_oldest_due_seconds"));
  }

  private Response awaitDeliveries(String task, int count) {
    await(
        () ->
            caller()
                    .get("/v1/webhooks/deliveries?state=delivered&task_id=" + task)
                    .<List<String>>path("deliveries.id")
                    .size()
                >= count);
    return caller().get("/v1/webhooks/deliveries?task_id=" + task);
  }

  private static Response rotate(String body) {
    return caller().body(body).put("/v1/webhooks/settings");
  }

  private String submit(String external) {
    return caller()
        .body(body(external, url()))
        .post(CREATE)
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }

  private static String body(String external, String callbackUrl) {
    return "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"external_task_id\":\"%s\",\"callback_url\":\"%s\"}"
        .formatted(external, callbackUrl);
  }

  private String url() {
    return "http://" + host() + "/hook";
  }

  private String host() {
    return "127.0.0.1:" + receiver.getAddress().getPort();
  }

  private static void awaitStatus(String id, String status) {
    await(() -> status.equals(caller().get("/v1/tasks/" + id).path("status")));
  }

  private static void await(java.util.concurrent.Callable<Boolean> condition) {
    org.awaitility.Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(50))
        .until(condition);
  }

  private static RequestSpecification caller() {
    return given().header("Authorization", "Bearer " + KEY).contentType("application/json");
  }

  private static RequestSpecification admin() {
    return given()
        .header("Authorization", "Bearer " + TrackerStack.ADMIN_KEY)
        .contentType("application/json");
  }
}
