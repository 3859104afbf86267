package io.klingtracker.it;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.standardwebhooks.Webhook;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.testing.TrackerStack;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The service is killed again and again while it sends; no change is lost and none overtakes. */
class WebhookKillIT {

  private static final String PATH = "/kling/v1/videos/text2video";
  private static final String SECRET = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int TASKS = 16;
  private static final int KILLS = 2;
  private static final long RECEIVER_MILLIS = 120;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final List<Received> received = new CopyOnWriteArrayList<>();

  private record Received(String task, int sequence, String id, String status) {}

  @Test
  void every_change_arrives_in_order_under_one_id() throws Exception {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    TrackerStack.simulator().reset();
    ExecutorService threads = Executors.newFixedThreadPool(16);
    HttpServer receiver =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 200);
    receiver.setExecutor(threads);
    receiver.createContext("/", this::receive);
    receiver.start();
    String url = "http://127.0.0.1:" + receiver.getAddress().getPort() + "/hook";
    try (ServiceProcess service =
        new ServiceProcess(TrackerStack.config("tracker_webhook_kill"))
            .with("tracker.bootstrap.webhook-secret", SECRET)
            .with("tracker.webhook.timeout", "3s")
            .with("tracker.dispatch.resend-after", "2s")
            .with("kling.timeout.read", "10s")
            .with("tracker.check.first", "2s")
            .with("tracker.check.cap", "2s")
            .start()) {
      List<String> tasks = new ArrayList<>();
      for (int i = 0; i < TASKS; i++) {
        tasks.add(submit(service, url));
      }
      for (int kill = 0; kill < KILLS; kill++) {
        TimeUnit.MILLISECONDS.sleep(200 + random.nextInt(800)); // somewhere in the middle
        service.kill();
        service.start();
      }

      Map<String, Set<Integer>> expected = new HashMap<>();
      for (String task : tasks) {
        expected.put(task, changes(service, task));
      }
      await()
          .atMost(LIMIT)
          .untilAsserted(() -> assertEquals(expected, arrivedOrSkipped(service), "seed " + seed));
      for (String task : tasks) {
        assertInOrder(task, seed);
      }
      assertTrue(received.size() >= TASKS, "seed " + seed);
    } finally {
      receiver.stop(0);
      threads.shutdownNow();
    }
  }

  private void receive(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    Map<String, List<String>> headers = new HashMap<>();
    exchange
        .getRequestHeaders()
        .forEach((name, values) -> headers.put(name.toLowerCase(java.util.Locale.ROOT), values));
    int status = 200;
    try {
      new Webhook(SECRET).verify(body, headers);
      JsonNode callback = JSON.readTree(body);
      received.add(
          new Received(
              callback.get("task_id").asText(),
              Integer.parseInt(headers.get("tracker-sequence").get(0)),
              headers.get("webhook-id").get(0),
              callback.get("task_status").asText()));
      TimeUnit.MILLISECONDS.sleep(RECEIVER_MILLIS); // so that a kill finds some in flight
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (com.standardwebhooks.exceptions.WebhookVerificationException e) {
      status = 401;
    }
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  private static String submit(ServiceProcess service, String callbackUrl) throws Exception {
    HttpResponse<String> answer =
        service.post(
            PATH,
            TrackerStack.API_KEY,
            "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"callback_url\":\""
                + callbackUrl
                + "\"}");
    assertEquals(200, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body()).at("/data/task_id").asText();
  }

  /** The sequences that a receiver receives, once the task has ended. */
  private static Set<Integer> changes(ServiceProcess service, String task) throws Exception {
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              JsonNode now = get(service, "/v1/tasks/" + task);
              assertEquals("succeed", now.path("status").asText(), now.toString());
            });
    int last = get(service, "/v1/tasks/" + task).get("sequence").asInt();
    Set<Integer> sequences = new TreeSet<>();
    for (int sequence = 2; sequence <= last; sequence++) {
      sequences.add(sequence);
    }
    return sequences;
  }

  private static JsonNode get(ServiceProcess service, String path) throws Exception {
    return JSON.readTree(service.get(path, TrackerStack.API_KEY).body());
  }

  /** A receiver that was too slow for a "processing" receives the newer change only; it says so. */
  private Map<String, Set<Integer>> arrivedOrSkipped(ServiceProcess service) throws Exception {
    Map<String, Set<Integer>> arrived = new HashMap<>();
    received.forEach(
        r -> arrived.computeIfAbsent(r.task(), t -> new TreeSet<>()).add(r.sequence()));
    for (JsonNode skipped :
        get(service, "/v1/webhooks/deliveries?state=coalesced&limit=200").get("deliveries")) {
      assertEquals("processing", skipped.get("status").asText());
      arrived
          .computeIfAbsent(skipped.get("task_id").asText(), t -> new TreeSet<>())
          .add(skipped.get("sequence").asInt());
    }
    return arrived;
  }

  private void assertInOrder(String task, long seed) {
    Map<Integer, String> ids = new HashMap<>();
    List<Integer> firsts = new ArrayList<>();
    for (Received webhook : received) {
      if (webhook.task().equals(task)) {
        String known = ids.putIfAbsent(webhook.sequence(), webhook.id());
        if (known == null) {
          firsts.add(webhook.sequence());
        } else {
          assertEquals(known, webhook.id(), "one id on all attempts, seed " + seed);
        }
      }
    }
    assertEquals(firsts.stream().sorted().toList(), firsts, "order of " + task + ", seed " + seed);
  }
}
