package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.events.RelayConfig;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Kafka is away while tasks are submitted and Kling calls back. {@code -Dkafka.away=300} keeps it
 * away for so many seconds, {@code -Dkafka.away.rate} says how many tasks a second are submitted.
 */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class KafkaAwayTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int RATE = Integer.getInteger("kafka.away.rate", 15);
  private static final int SECONDS = Integer.getInteger("kafka.away", 2);

  private static final long MAX_HEAP = 192L << 20;

  @TestHTTPResource("/")
  URI root;

  @Inject Jdbi jdbi;
  @Inject RelayConfig config;

  private final HttpClient http = HttpClient.newHttpClient();
  private long mostHeld;

  @Test
  void nobody_but_consumers_notices_and_they_get_everything_afterwards() throws Exception {
    TestTenant tenant = TestTenant.create();
    List<Double> before = submit(tenant, Math.max(1, Math.min(SECONDS / 2, 10)));
    await().atMost(LIMIT).until(() -> unpublished() == 0);
    long heapBefore = heap();
    List<Double> during;
    long backlog;
    long ended;
    long heapAfter;
    TrackerStack.stopKafka();
    try {
      during = submit(tenant, SECONDS);
      await().atMost(LIMIT).until(() -> ended(tenant) == before.size() + during.size());
      ended = ended(tenant);
      backlog = unpublished();
      heapAfter = heap();
      await()
          .atMost(LIMIT)
          .until(() -> given().get("/q/health/well").then().extract().statusCode() == 503);
      given()
          .get("/q/health/well")
          .then()
          .body("checks.find { it.name == 'Kafka' }.status", equalTo("DOWN"));
      given().get("/q/health/ready").then().statusCode(200);
      given().get("/q/health/live").then().statusCode(200);
      assertTrue(metric("tracker_events_unpublished") >= 0);
    } finally {
      TrackerStack.startKafka();
    }
    await().atMost(LIMIT).pollInterval(Duration.ofMillis(5)).until(() -> unpublished() < backlog);
    long began = System.nanoTime();
    long left = unpublished();
    // Counting is work too; it must not compete with what it measures.
    await().atMost(LIMIT).pollInterval(Duration.ofMillis(100)).until(() -> unpublished() == 0);
    double drained = left / Math.max(0.001, (System.nanoTime() - began) / 1e9);
    System.out.printf(
        "Kafka away for %d s: %d submissions at %d/s, p50 %.0f ms, p99 %.0f ms (with Kafka %.0f, %.0f ms), %d tasks ended by"
            + " callback; %d events waited, at most %d in memory, heap %+d MiB; %d of them drained at %.0f events/s%n",
        SECONDS,
        during.size(),
        RATE,
        percentile(during, 50),
        percentile(during, 99),
        percentile(before, 50),
        percentile(before, 99),
        ended,
        backlog,
        mostHeld,
        (heapAfter - heapBefore) >> 20,
        left,
        drained);
    assertTrue(backlog >= 3L * during.size(), "every change waits");
    assertTrue(mostHeld <= config.window(), "held " + mostHeld);
    assertTrue(heapAfter - heapBefore < MAX_HEAP, "the heap grew");
    await()
        .atMost(LIMIT)
        .until(() -> given().get("/q/health/well").then().extract().statusCode() == 200);
  }

  /** Submits evenly; how long each took, in milliseconds since it was due. */
  private List<Double> submit(TestTenant tenant, int seconds) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(root.resolve("/kling/v1/videos/text2video"))
            .header("Authorization", "Bearer " + tenant.apiKey())
            .header("Content-Type", "application/json")
            .timeout(LIMIT)
            .POST(
                HttpRequest.BodyPublishers.ofString(
                    "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}"))
            .build();
    List<Double> millis = new ArrayList<>();
    long began = System.nanoTime();
    for (int i = 0; i < seconds * RATE; i++) {
      long due = began + 1_000_000_000L * i / RATE;
      long early = due - System.nanoTime();
      if (early > 0) {
        Thread.sleep(early / 1_000_000, (int) (early % 1_000_000));
      }
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      assertEquals(200, answer.statusCode(), answer.body());
      millis.add((System.nanoTime() - due) / 1e6);
      if (i % RATE == 0) {
        mostHeld = Math.max(mostHeld, metric("tracker_events_held"));
      }
    }
    return millis;
  }

  private static double percentile(List<Double> values, int percent) {
    List<Double> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
  }

  private static long metric(String name) {
    Matcher value =
        Pattern.compile("^" + name + "(?:\\{[^}]*})? ([0-9.E]+)$", Pattern.MULTILINE)
            .matcher(given().get("/q/metrics").then().extract().asString());
    assertTrue(value.find(), "no metric " + name);
    return (long) Double.parseDouble(value.group(1));
  }

  private static long heap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  private long unpublished() {
    return count("select count(*) from outbox where cast(:tenant as text) is null", null);
  }

  private long ended(TestTenant tenant) {
    return count(
        "select count(*) from task where tenant_id = :tenant and status = 'succeed'", tenant.id());
  }

  private long count(String sql, String tenant) {
    return jdbi.withHandle(
        handle -> handle.createQuery(sql).bind("tenant", tenant).mapTo(Long.class).one());
  }
}
