package io.klingtracker.counts;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A tenant is told how many tasks it has, and nothing of another's. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class CountsStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Test
  void a_task_is_counted_where_it_ends() {
    TestTenant tenant = TestTenant.create();
    TestTenant other = TestTenant.create();
    counted(other, "", List.of());
    tenant.submit("order-1");
    tenant.submit("order-2");
    Map<String, Object> ended =
        Map.of("status", "succeed", "kind", "text2video", "model", "kling-v3", "count", 2);
    await().atMost(LIMIT).untilAsserted(() -> counted(tenant, "", List.of(ended)));
    String hour = Instant.now().minus(Duration.ofHours(1)).toString();
    counted(tenant, "?status=succeed&kind=text2video&model=kling-v3&since=" + hour, List.of(ended));
    counted(tenant, "?status=failed", List.of());
    counted(tenant, "?kind=image2video", List.of());
    counted(tenant, "?since=9999-01-01", List.of());
    counted(tenant, "?status=&kind=&model=&since=", List.of(ended));
    counted(other, "", List.of());
  }

  private static void counted(TestTenant tenant, String query, List<Map<String, Object>> counts) {
    tenant
        .caller()
        .get("/v1/tasks/counts" + query)
        .then()
        .statusCode(200)
        .body("counts", counts.isEmpty() ? empty() : hasSize(counts.size()))
        .body("counts", equalTo(counts));
  }

  @Test
  void what_cannot_be_meant_is_refused_by_name() {
    TestTenant tenant = TestTenant.create();
    Map.of(
            "status=done", "status",
            "kind=text2vide", "text2video",
            "since=monday", "since",
            "stauts=failed", "status")
        .forEach(
            (query, named) ->
                tenant
                    .caller()
                    .get("/v1/tasks/counts?" + query)
                    .then()
                    .statusCode(400)
                    .body("detail", containsString(named)));
  }
}
