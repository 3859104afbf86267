package io.klingtracker.story;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.math.BigDecimal;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An account that pays in money. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class CashStoryTest {

  /** Five seconds: 3 units, 0.42 USD by the list. */
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";

  @BeforeEach
  void kling_works() {
    TrackerStack.simulator().clearFaults();
  }

  @AfterEach
  void units_again() {
    TrackerStack.simulator().cash("", BigDecimal.ONE);
  }

  @Test
  void its_tasks_are_charged_money_until_the_month_s_amount_is_used_up() {
    TrackerStack.simulator().cash("USD", new BigDecimal("0.5"));
    TestTenant tenant =
        TestTenant.create("{\"name\":\"s\",\"amount_per_month\":1.8}", "{\"name\":\"k\"}");

    String task =
        tenant
            .caller()
            .header("Prefer", "wait=30")
            .body(BODY)
            .post("/kling/v1/videos/text2video")
            .then()
            .statusCode(200)
            .body("data.task_status", equalTo("succeed"))
            .body("data.final_balance_deduction.quota", equalTo("1.5"))
            .extract()
            .path("data.task_id");
    // Of its older generation, which names no currency, it is the list's.
    assertCost(tenant, task, 1.5f, "USD");
    tenant
        .caller()
        .get("/v1/usage")
        .then()
        .body("usage[0].cost.amount", equalTo(1.5f))
        .body("usage[0].cost.state", equalTo("charged"));

    // By the list there would be room for three more; what Kling took is known within a second.
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(
            () ->
                tenant
                    .caller()
                    .body(BODY)
                    .post("/kling/v1/videos/text2video")
                    .then()
                    .statusCode(429)
                    .body("code", equalTo(1303))
                    .body("message", containsString("1.8 USD a month")));
  }

  @Test
  void the_newer_generation_names_the_currency() {
    TrackerStack.simulator().cash("CNY", new BigDecimal("2"));
    TestTenant tenant = TestTenant.create();

    String task =
        tenant
            .caller()
            .header("Prefer", "wait=30")
            .body("{\"prompt\":\"a cat\",\"settings\":{\"duration\":5}}")
            .post("/kling/text-to-video/kling-3.0-turbo")
            .then()
            .statusCode(200)
            .body("data.status", equalTo("succeeded"))
            .extract()
            .path("data.id");

    tenant
        .caller()
        .get("/v1/tasks/" + task)
        .then()
        .body("cost.currency", equalTo("CNY"))
        .body("cost.state", equalTo("charged"));
  }

  private static void assertCost(TestTenant tenant, String task, float amount, String currency) {
    tenant
        .caller()
        .get("/v1/tasks/" + task)
        .then()
        .statusCode(200)
        .body("cost.amount", equalTo(amount))
        .body("cost.currency", equalTo(currency))
        .body("cost.state", equalTo("charged"));
  }
}
