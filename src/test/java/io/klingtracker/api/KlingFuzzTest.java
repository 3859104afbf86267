package io.klingtracker.api;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.task.Source;
import io.klingtracker.task.Submission;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TrackedTask;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.text.ForeignText;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.KlingWords;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Whatever is in a callback or an answer of Kling's is stored, and read back clean on every front.
 * What is said is drawn by a seed, which is printed.
 */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class KlingFuzzTest {

  private static final int DOCUMENTS = 30;
  private static final Duration SLOWEST = Duration.ofSeconds(30);

  /** Nobody listens there; that a body could be made for it is what counts. */
  private static final String RECEIVER = "http://127.0.0.1:65003/hook";

  private static final List<String> TEXTS =
      List.of(
          "\"\\u0000\"",
          "\"a\\u0000b\"",
          "\"\\ud800\"",
          "\"\\ude00x\"",
          "\"\uD83D\uDE00\"",
          "\"\u202E\"",
          "\"'\"",
          "\"\\\\u0000\"",
          "\"\\\"\\\\\"",
          "\"\"",
          "\"" + "l".repeat(3_000) + "\"",
          "\"" + "é".repeat(90_000) + "\"",
          "\"https://x/\\u0000\"");

  private static final List<String> NUMBERS =
      List.of(
          "0",
          "-1",
          "-0.0",
          "1.50",
          "1E+2",
          "1E+200000",
          "1e999999",
          "1e-99999",
          "1e99999999999",
          "NaN",
          "9".repeat(400),
          "0." + "3".repeat(400),
          "9223372036854775808",
          "\"1E+200000\"",
          "\"1e999999\"",
          "\"NaN\"",
          "\"-0\"",
          "\"12.5\"",
          "true",
          "null",
          "[]",
          "{}");

  private static final List<String> WORDS =
      List.of(
          "\"succeed\"",
          "\"succeeded\"",
          "\"failed\"",
          "\"processing\"",
          "\"submitted\"",
          "\"SUCCESS\"");

  private static final ObjectMapper STRICT =
      new ObjectMapper(
          JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());

  @TestHTTPResource URI base;
  @Inject Tasks tasks;
  @Inject CallbackTarget callbacks;
  @Inject Jdbi jdbi;

  private final long seed = Long.getLong("fuzz.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private String tenant = "";

  @Test
  void whatever_kling_says_is_read_back_on_every_front() throws IOException {
    System.out.println("fuzz of Kling's words: seed " + seed);
    TrackerStack.simulator().clearFaults();
    TestTenant tenant =
        TestTenant.create(
            "{\"name\":\"fuzz\"}", "{\"name\":\"fuzz\",\"rate\":1000,\"burst\":1000}");
    this.tenant = tenant.id();
    RawClient client = new RawClient(base);
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < DOCUMENTS; i++) {
      String id = task(tenant);
      ids.add(id);
      byte[] callback = document(i).getBytes(StandardCharsets.UTF_8);
      String target = URI.create(callbacks.url(id)).getPath();
      RawClient.Answer answer =
          client.send("POST", target, List.of("Content-Type: application/json"), callback);
      assertTrue(answer.status() == 200 || answer.status() == 400, "seed " + seed + ": " + answer);
      answered(id, document(i).getBytes(StandardCharsets.UTF_8));
    }
    await()
        .atMost(SLOWEST)
        .until(
            () ->
                count(
                        tenant,
                        "callback_pending p join callback_receipt r on r.id = p.receipt_id join task t on t.id = r.task_id")
                    == 0);
    readBack(tenant, ids);
    await().atMost(SLOWEST).until(() -> count(tenant, "webhook_attempt t") > 0);
    assertEquals(
        0,
        count(tenant, "(select * from webhook_attempt where failure = 'internal') t"),
        "seed " + seed);
    assertEquals(
        0,
        count(tenant, "set_aside s join task t on s.key like '%' || t.id || '%'"),
        "seed " + seed);
  }

  /** Nothing is left to the loops, whose statements other stories count. */
  @AfterEach
  void nothing_goes_on() {
    for (String statement :
        List.of(
            "delete from webhook_delivery where tenant_id = ?",
            "delete from open_task where task_id in (select id from task where tenant_id = ?)")) {
      jdbi.useHandle(h -> h.execute(statement, tenant));
    }
  }

  private String task(TestTenant tenant) {
    Submission stored =
        tasks.track(
            new TrackedTask(tenant.id(), "text2video", "default", null, null, null, "video"));
    String id = ((Submission.Stored) stored).taskId();
    jdbi.useHandle(h -> h.execute("update task set callback_url = ? where id = ?", RECEIVER, id));
    return id;
  }

  /** As if Kling had been asked and had answered so. */
  private void answered(String id, byte[] body) {
    try {
      KlingReader.task(KlingReader.parse(body))
          .flatMap(news -> KlingWords.toNews(id, Source.POLL, news, null))
          .ifPresent(tasks::apply);
    } catch (IOException e) {
      // No JSON: no answer.
    }
  }

  private String document(int number) {
    String id = "\"8" + number + Math.abs(random.nextInt()) + "\"";
    String word = random.nextInt(4) == 0 ? drawn(TEXTS) : drawn(WORDS);
    boolean newer = random.nextBoolean();
    List<String> members = new ArrayList<>();
    members.add((newer ? "\"id\":" : "\"task_id\":") + id);
    members.add((newer ? "\"status\":" : "\"task_status\":") + word);
    members.add((newer ? "\"message\":" : "\"task_status_msg\":") + drawn(TEXTS));
    members.add(
        newer
            ? "\"outputs\":[{\"type\":"
                + drawn(TEXTS)
                + ",\"url\":"
                + drawn(TEXTS)
                + ",\"n\":"
                + drawn(NUMBERS)
                + "}]"
            : "\"task_result\":{\"videos\":[{\"id\":"
                + drawn(NUMBERS)
                + ",\"url\":"
                + drawn(TEXTS)
                + "}],\"a\\u0000\":"
                + nested()
                + "}");
    members.add(
        newer
            ? "\"billing\":[{\"charge_type\":\"unit\",\"amount\":" + drawn(NUMBERS) + "}]"
            : "\"final_unit_deduction\":" + drawn(NUMBERS));
    members.add((newer ? "\"update_time\":" : "\"updated_at\":") + drawn(NUMBERS));
    members.add((newer ? "\"create_time\":" : "\"created_at\":") + drawn(NUMBERS));
    members.add("\"unknown\":" + nested());
    String body = "{" + String.join(",", members) + "}";
    return random.nextBoolean()
        ? body
        : "{\"code\":0,\"message\":" + drawn(TEXTS) + ",\"data\":" + body + "}";
  }

  private String nested() {
    String value = random.nextBoolean() ? drawn(TEXTS) : drawn(NUMBERS);
    for (int depth = random.nextInt(20); depth > 0; depth--) {
      value =
          random.nextBoolean() ? "[" + value + "," + drawn(NUMBERS) + "]" : "{\"k\":" + value + "}";
    }
    return value;
  }

  private String drawn(List<String> all) {
    return all.get(random.nextInt(all.size()));
  }

  private void readBack(TestTenant tenant, List<String> ids) throws IOException {
    for (String id : ids) {
      clean(tenant, "/v1/tasks/" + id);
      clean(tenant, "/v1/tasks/" + id + "/timeline");
      clean(tenant, "/v1/tasks/" + id + "/explain");
      clean(tenant, "/kling/v1/videos/text2video/" + id);
    }
    clean(tenant, "/v1/tasks?limit=200");
    clean(tenant, "/kling/v1/videos/text2video?pageSize=100");
    clean(tenant, "/kling/tasks?task_ids=" + String.join(",", ids.subList(0, 20)));
    clean(tenant, "/v1/events?limit=1000");
    clean(tenant, "/v1/webhooks/deliveries?limit=200");
    clean(tenant, "/v1/usage?group_by=day,model,key");
    clean(
        "batch",
        tenant
            .caller()
            .body("{\"ids\":[\"" + String.join("\",\"", ids) + "\"]}")
            .post("/v1/tasks/batch")
            .asByteArray());
    clean("cursor", tenant.caller().body("{}").post("/kling/tasks").asByteArray());
    List<String> deliveries = tenant.caller().get("/v1/webhooks/deliveries").path("deliveries.id");
    for (String delivery : deliveries.subList(0, Math.min(5, deliveries.size()))) {
      clean(tenant, "/v1/webhooks/deliveries/" + delivery);
    }
  }

  private void clean(TestTenant tenant, String url) throws IOException {
    var answer = tenant.caller().get(url);
    assertEquals(200, answer.statusCode(), url + ", seed " + seed + ": " + answer.asString());
    clean(url, answer.asByteArray());
  }

  private void clean(String what, byte[] body) throws IOException {
    List<String> bad = new ArrayList<>();
    collect(STRICT.readTree(body), bad);
    assertEquals(List.of(), bad, what + ", seed " + seed);
  }

  private static void collect(JsonNode node, List<String> bad) {
    if (node.isTextual() && !ForeignText.isClean(node.asText())) {
      bad.add(node.asText());
    }
    node.fieldNames()
        .forEachRemaining(
            name -> {
              if (!ForeignText.isClean(name)) {
                bad.add(name);
              }
            });
    node.forEach(child -> collect(child, bad));
  }

  private long count(TestTenant tenant, String from) {
    return jdbi.withHandle(
        h ->
            h.createQuery("select count(*) from " + from + " where t.tenant_id = :tenant")
                .bind("tenant", tenant.id())
                .mapTo(Long.class)
                .one());
  }
}
