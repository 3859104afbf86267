package io.klingtracker.it;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.simulator.SimulatorClient;
import io.klingtracker.testing.EventLog;
import io.klingtracker.testing.TrackerStack;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The service is killed between two stations; the next one takes the task to its end. */
@SuppressWarnings("NullAway.Init") // made once for all stories: starting takes longest
class KillIT {

  private static final String PATH = "/kling/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  private static SimulatorClient kling;
  private static ServiceProcess service;

  @BeforeAll
  static void start() {
    kling = TrackerStack.simulator();
    service =
        new ServiceProcess(TrackerStack.config("tracker_kill"))
            // A dead replica's work is taken over sooner than in production.
            .with("tracker.dispatch.resend-after", "2s")
            .with("kling.timeout.read", "10s")
            .with("tracker.check.first", "2s")
            .start();
  }

  @AfterAll
  static void stop() {
    service.close();
  }

  @BeforeEach
  void reset() {
    kling.reset();
  }

  @Test
  void killed_after_the_task_was_stored_and_before_kling_had_it() throws Exception {
    kling.fault(
        FaultRule.on(Operation.CREATE, new Fault.Refuse(429, 1303, "parallel task over limit")));
    String id = submit();
    service.kill();
    assertEquals(0, kling.creates(id).size());

    kling.clearFaults();
    service.start();
    endsOnce(id);
  }

  @Test
  void killed_after_kling_accepted_and_before_its_answer_was_stored() throws Exception {
    kling.hold();
    String id = submit();
    await().atMost(LIMIT).until(() -> kling.totals().held() == 1);
    service.kill();

    kling.release();
    service.start();
    endsOnce(id);
  }

  @Test
  void killed_after_a_callback_was_stored_and_before_kafka_had_its_event() throws Exception {
    TrackerStack.kafkaBootstrapServers();
    TrackerStack.stopKafka();
    String id;
    try {
      id = submit();
      await().atMost(LIMIT).until(() -> status(id).equals("succeed"));
      service.kill();
    } finally {
      TrackerStack.startKafka();
    }

    service.start();
    endsOnce(id);
  }

  private String submit() throws Exception {
    HttpResponse<String> answer = service.post(PATH, TrackerStack.API_KEY, BODY);
    assertEquals(200, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body()).at("/data/task_id").asText();
  }

  private String status(String id) throws Exception {
    HttpResponse<String> answer = service.get("/v1/tasks/" + id, TrackerStack.API_KEY);
    assertEquals(200, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body()).get("status").asText();
  }

  /** The task succeeds, is billed once, and its events are on Kafka without a gap. */
  private void endsOnce(String id) throws Exception {
    await().atMost(LIMIT).until(() -> status(id).equals("succeed"));
    assertEquals(1, kling.creates(id).size(), "accepted and billed");
    try (EventLog events = new EventLog(TrackerStack.kafkaBootstrapServers())) {
      await().atMost(LIMIT).ignoreExceptions().until(() -> events.statuses(id).contains("succeed"));
      List<Integer> sequences = new ArrayList<>(events.of(id).keySet());
      assertEquals(IntStream.rangeClosed(1, sequences.size()).boxed().toList(), sequences);
    }
  }
}
