package io.klingtracker.story;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import org.awaitility.core.ThrowingRunnable;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A file over the built-in catalogue, edited while the service runs. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class CatalogStoryTest {

  private static final String PATH = "/kling/text-to-video/kling-5.0";
  private static final String BODY = "{\"prompt\":\"a\",\"settings\":{\"duration\":40}}";

  @Inject Jdbi jdbi;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
  }

  @AfterEach
  void nothing_over_it() throws IOException {
    write("");
    eventually(
        () ->
            TestTenant.admin().get("/admin/v1/catalog").then().body("changes.size()", equalTo(0)));
  }

  @Test
  void a_new_model_needs_an_edit_alone() throws IOException {
    tenant.caller().body(BODY).post(PATH).then().statusCode(404).body("code", equalTo(1203));

    write(
        """
        version: spring
        models:
          kling-5.0:
            kinds: {text-to-video: {}}
            fields: {settings.duration: {seconds: 3..60}}
        prices:
          - {kinds: [text-to-video], model: kling-5.0, per: second, units: 0.5}
        """);
    eventually(() -> dryRun(20));

    String task =
        tenant
            .caller()
            .header("Prefer", "wait=30")
            .body(BODY.replace("40", "15"))
            .post(PATH)
            .then()
            .statusCode(200)
            .body("data.status", equalTo("succeeded"))
            .extract()
            .path("data.id");
    tenant
        .caller()
        .get("/v1/tasks/" + task)
        .then()
        .body("model", equalTo("kling-5.0"))
        .body("units_expected", equalTo(7.5f));
    tenant
        .caller()
        .get("/v1/models")
        .then()
        .body("version", containsString("+spring"))
        .body("models.find{it.name=='kling-5.0'}.origin", equalTo("overlay"))
        .body("models.find{it.name=='kling-3.0'}.origin", equalTo("built-in"));
    TestTenant.admin()
        .get("/admin/v1/catalog")
        .then()
        .body("version", containsString("+spring"))
        .body("changes.place", hasItem("models.kling-5.0"))
        .body("changes.place", hasItem("prices[0]"))
        .body("changes.find{it.place=='models.kling-5.0'}.built_in", nullValue());
    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body(
            "entries.findAll{it.actor=='tracker.catalog.file'}.detail",
            hasItem(containsString("models.kling-5.0")));
  }

  @Test
  void a_price_changes_and_a_broken_file_changes_nothing() throws IOException {
    String models =
        "models: {kling-5.0: {kinds: {text-to-video: {}}, fields: {settings.duration: {seconds: 3..60}}}}\n";
    String price = "prices: [{kinds: [text-to-video], model: kling-5.0, per: second, units: %s}]\n";
    write(models + price.formatted("1"));
    eventually(() -> dryRun(40));

    write(models + price.formatted("2"));
    eventually(() -> dryRun(80));
    given().get("/q/health/well").then().body(catalog("status"), equalTo("UP"));

    write(models + price.formatted("cheap"));
    eventually(
        () ->
            given()
                .get("/q/health/well")
                .then()
                .statusCode(503)
                .body(catalog("status"), equalTo("DOWN"))
                .body(
                    catalog("data.refused"),
                    containsString("line 2, prices[0].units: must be a number such as 0.6, is")));
    dryRun(80);
    given().get("/q/health/ready").then().statusCode(200);
  }

  @Test
  void a_retirement_is_announced_and_then_enforced() throws IOException {
    LocalDate today = LocalDate.ofInstant(Instant.now(), ZoneOffset.UTC);
    String retired = "models: {kling-3.0-turbo: {retired: %s}}\n";
    String path = "/kling/text-to-video/kling-3.0-turbo";
    String body = "{\"prompt\":\"a\"}";
    tenant
        .caller()
        .body(body)
        .post(path)
        .then()
        .statusCode(200)
        .header("Tracker-Warning", nullValue());

    write(retired.formatted(today.plusDays(20)));
    eventually(
        () ->
            tenant
                .caller()
                .body(body)
                .post(path)
                .then()
                .statusCode(200)
                .header(
                    "Tracker-Warning",
                    equalTo("kling-3.0-turbo is switched off on " + today.plusDays(20))));
    given()
        .get("/q/metrics")
        .then()
        .body(containsString("tracker_submissions_retiring_total{model=\"kling-3.0-turbo\"}"));
    tenant
        .caller()
        .get("/v1/models")
        .then()
        .body(
            "models.find{it.name=='kling-3.0-turbo'}.accepts[0].retired",
            equalTo(today.plusDays(20).toString()));

    write(retired.formatted(today.minusDays(1)));
    eventually(
        () ->
            tenant
                .caller()
                .body(body)
                .post(path)
                .then()
                .statusCode(400)
                .body(
                    "message",
                    startsWith(
                        "The model 'kling-3.0-turbo' has been discontinued and is no longer available.")));
  }

  @Test
  void a_task_keeps_what_the_catalogue_said_of_its_model_when_it_was_stored() throws IOException {
    String row =
        """
        models:
          kling-5.0: {kinds: {text-to-video: {}}, fields: {settings.duration: {seconds: 3..60}}, takes: {external_task_id: false}}
        prices:
          - {kinds: [text-to-video], model: kling-5.0, per: second, units: 0.5}
        """;
    write(row);
    eventually(() -> dryRun(20));
    TestTenant.admin().post("/admin/v1/accounts/default/pause").then().statusCode(200);
    try {
      String keeps = tenant.submit("keeps");
      String none =
          tenant.caller().body(BODY).post(PATH).then().statusCode(200).extract().path("data.id");

      assertEquals("true", unnamed(none));
      assertEquals("null", unnamed(keeps));
    } finally {
      TestTenant.admin().post("/admin/v1/accounts/default/resume").then().statusCode(200);
    }
  }

  private String unnamed(String task) {
    return Rows.text(
        jdbi, "select coalesce(unnamed::text, 'null') from task where id = '" + task + "'");
  }

  private void dryRun(int units) {
    tenant
        .caller()
        .header("Tracker-Dry-Run", "true")
        .body(BODY)
        .post(PATH)
        .then()
        .statusCode(200)
        .body("data.units", equalTo(units));
  }

  private static String catalog(String field) {
    return "checks.find{it.name=='catalog'}." + field;
  }

  private static void write(String yaml) throws IOException {
    Files.writeString(TrackerStack.CATALOG, yaml);
  }

  private static void eventually(ThrowingRunnable check) {
    await().atMost(Duration.ofSeconds(30)).untilAsserted(check);
  }
}
