package io.klingtracker.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.testing.TrackerStack;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Migrations as a job that comes before the replicas. */
class MigrateIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void a_job_migrates_and_ends_and_whoever_waits_for_it_then_need_not_wait() throws Exception {
    Map<String, String> config = TrackerStack.config("tracker_migrate_job");
    config.put("tracker.public-url", "http://localhost:1");
    config.put("tracker.log.json", "true");
    config.put("tracker.start.wait", "1s");

    try (ServiceProcess replica =
        new ServiceProcess(new HashMap<>(config)).with("tracker.migrate", "off")) {
      assertEquals(1, replica.startAndEnd(), replica.log());
      assertTrue(replica.log().contains("migrations are missing, the first is V1"), replica.log());
    }
    try (ServiceProcess job =
        new ServiceProcess(new HashMap<>(config)).with("tracker.migrate", "only")) {
      assertEquals(0, job.startAndEnd(), job.log());
      List<String> lines = job.log().lines().toList();
      assertEquals(
          "Kling Task Tracker has migrated the schema and ends: tracker.migrate=only",
          lines.get(lines.size() - 1));
      assertTrue(lines.size() > 1, "the migrations are logged");
      for (String line : lines.subList(0, lines.size() - 1)) {
        assertTrue(JSON.readTree(line).hasNonNull("message"), line);
      }
    }
    try (ServiceProcess again =
        new ServiceProcess(new HashMap<>(config)).with("tracker.migrate", "only")) {
      assertEquals(0, again.startAndEnd(), again.log());
    }
    try (ServiceProcess replica =
        new ServiceProcess(new HashMap<>(config)).with("tracker.migrate", "off")) {
      replica.start();
      assertEquals(200, replica.get("/q/health/ready", null).statusCode());
    }
  }
}
