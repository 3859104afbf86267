package io.klingtracker.it;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.local.FreePort;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.EventLog;
import io.klingtracker.testing.TrackerStack;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The main story against the packaged jar, on the JDK that {@code -Dbuild.java} names. */
class MainStoryIT {

  private static final String PATH = "/kling/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void the_packaged_service_takes_a_task_to_its_end() throws Exception {
    TrackerStack.simulator().reset();
    int operators = FreePort.find();
    long launched = System.nanoTime();
    try (ServiceProcess service =
            new ServiceProcess(TrackerStack.config("tracker_main_story"))
                .with("tracker.operator.port", Integer.toString(operators))
                .start();
        EventLog events = new EventLog(TrackerStack.kafkaBootstrapServers())) {
      System.out.printf(
          "packaged service on %s: ready after %d ms with an empty database, %d MiB resident%n",
          System.getProperty("build.java", System.getProperty("java.version")),
          Duration.ofNanos(System.nanoTime() - launched).toMillis(),
          service.residentMebibytes());
      HttpResponse<String> answer = service.post(PATH, TrackerStack.API_KEY, BODY);
      assertEquals(200, answer.statusCode(), answer.body());
      String id = JSON.readTree(answer.body()).at("/data/task_id").asText();

      await().atMost(LIMIT).until(() -> task(service, id).get("status").asText().equals("succeed"));

      assertEquals(1, TrackerStack.simulator().creates(id).size());
      await().atMost(LIMIT).ignoreExceptions().until(() -> events.statuses(id).contains("succeed"));
      List<Integer> sequences = new ArrayList<>(events.of(id).keySet());
      assertEquals(IntStream.rangeClosed(1, sequences.size()).boxed().toList(), sequences);
      System.out.printf(
          "packaged service after its first task: %d MiB resident%n", service.residentMebibytes());
      operators_have_a_port_of_their_own(service, operators);
      a_stop_answers_who_waits(service);
    }
  }

  /** Served there by the same router, and unknown on the public port. */
  private static void operators_have_a_port_of_their_own(ServiceProcess service, int port)
      throws Exception {
    for (String path :
        List.of(
            "/admin/v1/tenants", "/q/metrics", "/q/openapi", "/q/swagger-ui/", "/q/health/well")) {
      assertEquals(404, service.get(path, TrackerStack.ADMIN_KEY).statusCode(), path);
      assertEquals(200, operators(port, path, TrackerStack.ADMIN_KEY).statusCode(), path);
    }
    assertEquals(401, operators(port, "/admin/v1/tenants", null).statusCode());
    assertEquals(200, operators(port, "/v1/tasks", TrackerStack.API_KEY).statusCode());
    assertEquals(200, operators(port, "/q/health/ready", null).statusCode());
    assertEquals(200, service.get("/q/health/ready", null).statusCode());
  }

  private static HttpResponse<String> operators(int port, String path, @Nullable String key)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://localhost:" + port + path)).timeout(LIMIT);
    if (key != null) {
      request.header("Authorization", "Bearer " + key);
    }
    return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  /** The task is stored, and its create waits for an end that is far away. */
  private static void a_stop_answers_who_waits(ServiceProcess service) throws Exception {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(50_000, 60_000)));
    CompletableFuture<HttpResponse<String>> waiting =
        HttpClient.newHttpClient()
            .sendAsync(
                HttpRequest.newBuilder(URI.create(service.url() + PATH))
                    .header("Authorization", "Bearer " + TrackerStack.API_KEY)
                    .header("Content-Type", "application/json")
                    .header("Prefer", "wait=60")
                    .POST(HttpRequest.BodyPublishers.ofString(BODY))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    await()
        .atMost(LIMIT)
        .until(
            () ->
                JSON.readTree(service.get("/v1/tasks?limit=1", TrackerStack.API_KEY).body())
                    .at("/tasks/0/status")
                    .asText()
                    .equals("submitted"));

    service.stop();

    HttpResponse<String> answer = waiting.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    assertEquals(200, answer.statusCode(), answer.body());
    assertEquals("submitted", JSON.readTree(answer.body()).at("/data/task_status").asText());
    assertEquals(Optional.empty(), answer.headers().firstValue("Preference-Applied"));
  }

  private static JsonNode task(ServiceProcess service, String id) throws Exception {
    HttpResponse<String> answer = service.get("/v1/tasks/" + id, TrackerStack.API_KEY);
    assertEquals(200, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body());
  }
}
