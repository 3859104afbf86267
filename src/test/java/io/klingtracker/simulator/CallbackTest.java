package io.klingtracker.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // each test starts the simulator it needs
class CallbackTest {

  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

  private record Received(Map<String, String> headers, String body) {
    JsonNode json() throws IOException {
      return Json.MAPPER.readTree(body);
    }
  }

  private final BlockingQueue<Received> received = new LinkedBlockingQueue<>();
  private volatile int answer = 200;
  private HttpServer sink;
  private KlingSimulator simulator;
  private SimulatorClient control;
  private Caller caller;

  @BeforeEach
  void start() throws IOException {
    sink = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    sink.createContext(
        "/",
        exchange -> {
          String body =
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
          Map<String, String> headers = new java.util.TreeMap<>(String.CASE_INSENSITIVE_ORDER);
          exchange.getRequestHeaders().forEach((name, all) -> headers.put(name, all.get(0)));
          // Read before the test receives the callback: it may change the answer to the next one.
          int status = answer;
          received.add(new Received(headers, body));
          exchange.sendResponseHeaders(status, -1);
          exchange.close();
        });
    sink.start();
  }

  @AfterEach
  void stop() {
    simulator.close();
    sink.stop(0);
  }

  private void start(SimulatorSettings settings) {
    simulator = new KlingSimulator(settings).start();
    control = new SimulatorClient(simulator.controlUrl());
    caller = new Caller(simulator);
  }

  private static SimulatorSettings quick() {
    return Caller.settings()
        .renderTimes(Duration.ofMillis(20), Duration.ofMillis(60))
        .callbackTries(3, Duration.ofSeconds(30), Duration.ofMillis(20));
  }

  private String create(String externalId) throws IOException {
    String body =
        "{\"prompt\":\"a\",\"external_task_id\":\""
            + externalId
            + "\",\"callback_url\":\"http://localhost:"
            + sink.getAddress().getPort()
            + "/cb\"}";
    return Json.MAPPER
        .readTree(caller.post("/v1/videos/text2video", body).body())
        .at("/data/task_id")
        .asText();
  }

  private Received next() throws InterruptedException {
    Received next = received.poll(10, TimeUnit.SECONDS);
    assertTrue(next != null, "no callback came");
    return next;
  }

  @Test
  void looks_as_captured() throws Exception {
    start(quick());
    String id = create("mine");
    List<String> statuses = new ArrayList<>();
    Received last = next();
    statuses.add(last.json().get("task_status").asText());
    for (int i = 0; i < 2; i++) {
      last = next();
      statuses.add(last.json().get("task_status").asText());
    }

    assertEquals(List.of("submitted", "processing", "succeed"), statuses);
    JsonNode body = last.json();
    List<String> keys = new ArrayList<>();
    body.fieldNames().forEachRemaining(keys::add);
    assertEquals(
        List.of(
            "task_id",
            "task_status",
            "task_info",
            "task_result",
            "task_status_msg",
            "created_at",
            "updated_at"),
        keys);
    assertEquals(id, body.get("task_id").textValue());
    assertEquals("mine", body.at("/task_info/external_task_id").asText());
    assertEquals("[]", body.at("/task_result/images").toString());
    assertEquals("[]", body.at("/task_result/audios").toString());
    assertEquals(1, body.at("/task_result/videos").size());
    assertEquals("application/json; charset=utf-8", last.headers().get("content-type"));
    assertEquals(
        "Apache-HttpClient/4.5.13 (Java/11.0.14-internal)", last.headers().get("user-agent"));
    assertNull(last.headers().get("webhook-signature"));
  }

  @Test
  void is_signed_when_there_is_a_secret() throws Exception {
    start(quick().webhookSecret(SECRET));
    create("mine");

    Received call = next();
    String id = String.valueOf(call.headers().get("webhook-id"));
    long timestamp = Long.parseLong(call.headers().get("webhook-timestamp"));
    assertEquals(
        Signature.of(List.of(SECRET), id, timestamp, call.body()),
        call.headers().get("webhook-signature"));
  }

  @Test
  void is_retried_with_the_same_id_until_it_is_taken() throws Exception {
    answer = 500;
    start(quick().webhookSecret(SECRET).callbackStatuses(Set.of("succeed")));
    create("mine");

    String first = next().headers().get("webhook-id");
    answer = 200;
    assertEquals(first, next().headers().get("webhook-id"));
    while (control.totals().callbacksAnswered() == 0) {
      Thread.onSpinWait();
    }
    assertEquals(
        List.of(500, 200),
        control.callbacks("mine").stream().map(Ledger.Callback::answer).toList());
  }

  @Test
  void faults_forge_repeat_and_drop() throws Exception {
    start(quick());
    control.fault(FaultRule.on(Operation.CALLBACK, new Fault.Drop()).status("submitted"));
    control.fault(FaultRule.on(Operation.CALLBACK, new Fault.Repeat(2)).status("processing"));
    control.fault(FaultRule.on(Operation.CALLBACK, new Fault.Contradict("failed")));
    create("mine");

    List<String> statuses = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      statuses.add(next().json().get("task_status").asText());
    }
    assertEquals(List.of("processing", "processing", "succeed", "failed"), statuses);
  }

  @Test
  void faults_swap_neighbours() throws Exception {
    start(quick());
    control.fault(FaultRule.on(Operation.CALLBACK, new Fault.Swap()).status("processing"));
    create("mine");

    List<String> statuses = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      statuses.add(next().json().get("task_status").asText());
    }
    assertEquals(List.of("submitted", "succeed", "processing"), statuses);
  }

  @Test
  void may_come_before_the_creates_answer() throws Exception {
    start(quick().callbackStatuses(Set.of("succeed")));
    control.fault(FaultRule.on(Operation.CREATE, new Fault.CallbackFirst("succeed")));

    create("mine");
    assertEquals(1, received.size());
  }

  @Test
  void other_dialect_and_envelope() throws Exception {
    start(quick().callbackStatuses(Set.of("processing", "succeed")));
    control.fault(FaultRule.on(Operation.CALLBACK, new Fault.Envelope()).status("processing"));
    control.fault(FaultRule.on(Operation.CALLBACK, new Fault.OtherDialect()));
    String id = create("mine");

    assertEquals(id, next().json().at("/data/task_id").asText());
    JsonNode other = next().json();
    assertEquals(id, other.get("id").asText());
    assertEquals("succeeded", other.get("status").asText());
  }

  @Test
  void tasks_go_on_after_a_kill(@TempDir Path directory) throws Exception {
    start(quick().renderTimes(Duration.ofMillis(10), Duration.ofSeconds(1)).directory(directory));
    String id = create("mine");
    next();
    next();
    // A kill leaves the journal as it is: the same as taking the simulator away unasked.
    simulator.close();

    start(quick().directory(directory));
    String status = next().json().get("task_status").asText();
    if (status.equals("processing")) {
      // The kill came before its answer was noted: it is sent again.
      status = next().json().get("task_status").asText();
    }
    assertEquals("succeed", status);
    JsonNode body = Json.MAPPER.readTree(caller.get("/v1/videos/text2video/" + id).body());
    assertEquals("succeed", body.at("/data/task_status").asText());
    assertEquals(400, caller.post("/v1/videos/text2video", duplicate()).statusCode());
  }

  private static String duplicate() {
    return "{\"prompt\":\"a\",\"external_task_id\":\"mine\"}";
  }

  @Test
  void thousands_of_tasks_end() throws Exception {
    start(
        Caller.settings()
            .slots(100_000)
            .renderTimes(Duration.ofMillis(1), Duration.ofMillis(50))
            .callbackStatuses(Set.of("succeed")));
    long before = System.nanoTime();
    IntStream.range(0, 3_000)
        .parallel()
        .forEach(
            i -> {
              try {
                create("task-" + i);
              } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
            });
    for (int i = 0; i < 3_000; i++) {
      next();
    }
    double seconds = (System.nanoTime() - before) / 1e9;
    System.out.printf("3,000 tasks created and ended in %.1f s%n", seconds);
    assertEquals(3_000, control.totals().accepted());
  }
}
