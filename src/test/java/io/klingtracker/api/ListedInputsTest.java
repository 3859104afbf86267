package io.klingtracker.api;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Inputs that were answered with 500 once, or with something that was not stored. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ListedInputsTest {

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    tenant = TestTenant.create();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/webhooks/deliveries?task_id=a%00b",
        "/v1/webhooks/deliveries?host=a%00b",
        "/v1/tasks?created_after=%2B999999999-01-01T00:00:00Z",
        "/v1/tasks?created_before=%2B999999999-12-31T23:59:59-18:00",
        "/v1/tasks?kind=a%00b",
        "/v1/usage?from=%2B999999999-01-01T00:00:00Z",
        "/v1/usage?to=-0001-01-01T00:00:00Z"
      })
  void parameters_that_nothing_holds(String url) {
    tenant
        .caller()
        .urlEncodingEnabled(false)
        .get(url)
        .then()
        .statusCode(400)
        .body("code", equalTo("invalid-request"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "/admin/v1/events/replay|{\"task_id\":\"a\\u0000b\"}|task_id",
        "/admin/v1/events/replay|{\"from\":\"+999999999-01-01T00:00:00Z\"}|from",
        "/admin/v1/webhooks/redeliver|{\"since\":\"2026-01-01T00:00:00Z\",\"host\":\"a\\u0000b\"}|host",
        "/admin/v1/webhooks/redeliver|{\"since\":\"+999999999-01-01T00:00:00Z\"}|since",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"models\":{\"a\\u0000\":\"b\"}}|models",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"models\":{\"a\":\"b\\u0000\"}}|models.a",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\\ud800\"}|name",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"units_per_day\":1e999999}|units_per_day",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"units_per_month\":1000000000001}|units_per_month",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"amount_per_month\":-1}|amount_per_month",
        "/admin/v1/tenants|{\"id\":\"ID\",\"name\":\"x\",\"weight\":1.5}|weight"
      })
  void fields_of_administrators_that_nothing_holds(String url, String body, String field) {
    TestTenant.admin()
        .body(body.replace("ID", "t-" + UUID.randomUUID()))
        .post(url)
        .then()
        .statusCode(400)
        .body("code", equalTo("invalid-request"))
        .body("detail", containsString(field));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\\u0000b", "\\ud800"})
  void names_of_models_and_ids_that_nothing_holds(String text) {
    // This kind has no table of models, so that every name is passed on.
    tenant
        .caller()
        .body("{\"model_name\":\"" + text + "\",\"prompt\":\"a cat\"}")
        .post("/kling/v1/videos/effects")
        .then()
        .statusCode(400)
        .body("code", equalTo(1201));
    tenant
        .caller()
        .body("{\"ids\":[\"" + text + "\"]}")
        .post("/v1/tasks/batch")
        .then()
        .statusCode(400)
        .body("detail", containsString("ids[0]"));
    tenant
        .caller()
        .body("{\"since\":\"2026-01-01\",\"host\":\"" + text + "\"}")
        .post("/v1/webhooks/redeliver")
        .then()
        .statusCode(400);
  }

  @ParameterizedTest
  @ValueSource(ints = {101, 3_000})
  void long_names_of_models(int length) {
    tenant
        .caller()
        .body("{\"model_name\":\"" + "m".repeat(length) + "\",\"prompt\":\"a cat\"}")
        .post("/kling/v1/videos/effects")
        .then()
        .statusCode(400)
        .body("message", containsString("100 characters"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"1e-9999999999", "1e9999999999", "1E-5000"})
  void numbers_in_a_submission_that_no_reader_holds(String number) {
    tenant
        .caller()
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"cfg_scale\":" + number + "}")
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(400)
        .body("code", equalTo(1201));
  }
}
