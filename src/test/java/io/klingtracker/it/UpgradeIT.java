package io.klingtracker.it;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.testing.EventLog;
import io.klingtracker.testing.TrackerStack;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * The packaged baseline, {@code -Dbuild.baseline=<quarkus-run.jar>}, on the schema of the packaged
 * service of today: beside it, alone, and started again. {@code .ci/run} packages it.
 */
@EnabledIfSystemProperty(named = "build.baseline", matches = ".+")
class UpgradeIT {

  private static final String PATH = "/kling/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void the_baseline_takes_tasks_to_their_end_on_todays_schema() throws Exception {
    TrackerStack.simulator().reset();
    try (EventLog events = new EventLog(TrackerStack.kafkaBootstrapServers());
        ServiceProcess today = new ServiceProcess(TrackerStack.config("tracker_upgrade")).start();
        ServiceProcess baseline =
            today.another(Map.of()).jar(Path.of(System.getProperty("build.baseline"))).start()) {
      // Either may dispatch it, hear of its end and publish it.
      ends(baseline, submit(today), events);
      ends(today, submit(baseline), events);
      today.stop();
      ends(baseline, submit(baseline), events);
      baseline.stop();
      baseline.start();
      ends(baseline, submit(baseline), events);
    }
  }

  private static String submit(ServiceProcess service) throws Exception {
    HttpResponse<String> answer = service.post(PATH, TrackerStack.API_KEY, BODY);
    assertEquals(200, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body()).at("/data/task_id").asText();
  }

  private static void ends(ServiceProcess service, String id, EventLog events) {
    await()
        .atMost(LIMIT)
        .until(
            () ->
                JSON.readTree(service.get("/v1/tasks/" + id, TrackerStack.API_KEY).body())
                    .path("status")
                    .asText()
                    .equals("succeed"));
    await().atMost(LIMIT).ignoreExceptions().until(() -> events.statuses(id).contains("succeed"));
    List<String> statuses = events.statuses(id);
    assertEquals("queued", statuses.get(0), statuses.toString());
    assertEquals(1, TrackerStack.simulator().creates(id).size());
  }
}
