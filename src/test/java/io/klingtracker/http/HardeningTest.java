package io.klingtracker.http;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.http.runtime.attribute.ExchangeAttribute;
import io.quarkus.vertx.http.runtime.attribute.ExchangeAttributeParser;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import jakarta.inject.Inject;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What everybody may see of us: headers of pages, and nothing of our inside. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class HardeningTest {

  @Inject Vertx vertx;

  @Test
  void answers_carry_the_security_headers_and_other_sites_are_not_let_in() {
    given()
        .header("Origin", "https://elsewhere.example")
        .get("/q/health/live")
        .then()
        .header("X-Content-Type-Options", "nosniff")
        .header("X-Frame-Options", "DENY")
        .header("Referrer-Policy", "no-referrer")
        .header("Content-Security-Policy", containsString("frame-ancestors 'none'"))
        .header("Access-Control-Allow-Origin", nullValue());
    given()
        .get("/q/swagger-ui/")
        .then()
        .statusCode(200)
        .header("Content-Security-Policy", containsString("script-src 'self' 'unsafe-inline'"));
  }

  @ParameterizedTest
  @CsvSource({
    "POST, /v1/tasks/batch, '{\"ids\":'",
    "POST, /v1/tasks/batch, '{\"ids\":{\"a\":1}}'",
    "POST, /v1/tasks/batch, '[]'",
    "POST, /kling/v1/videos/text2video, 'x'",
    "PUT, /v1/tasks/batch, '{}'",
    "GET, /v1/tasks?limit=x, ''",
    "GET, /v1/nothing, ''",
    "GET, /kling/v1/nothing/at/all, ''",
  })
  void a_refusal_names_no_class_and_shows_no_stack(String method, String path, String body) {
    Response answer = TestTenant.create().caller().body(body).request(method, path);

    answer
        .then()
        .statusCode(anyOf(is(400), is(404), is(405)))
        .body(not(containsString("Exception")))
        .body(not(containsString("io.klingtracker")))
        .body(not(containsString("jackson")))
        .body(not(containsString("java.")));
  }

  @Test
  void a_body_beyond_the_limit_is_refused() {
    TestTenant tenant = TestTenant.create();
    tenant.caller().body("x".repeat(2_000_000)).post("/v1/tasks/batch").then().statusCode(413);
  }

  @Test
  void headers_beyond_the_limit_are_refused() {
    given().header("X-Long", "x".repeat(20_000)).get("/v1/tasks").then().statusCode(431);
    RequestSpecification many = given();
    for (int i = 0; i < 200; i++) {
      many.header("X-" + i, "y".repeat(100));
    }
    many.get("/v1/tasks").then().statusCode(431);
  }

  @Test
  void another_sites_script_may_ask_for_nothing() {
    for (String path :
        new String[] {"/v1/tasks", "/kling/v1/videos/text2video", "/admin/v1/keys"}) {
      given()
          .header("Origin", "https://elsewhere.example")
          .header("Access-Control-Request-Method", "POST")
          .header("Access-Control-Request-Headers", "authorization")
          .options(path)
          .then()
          .header("Access-Control-Allow-Origin", nullValue())
          .header("Access-Control-Allow-Headers", nullValue())
          .header("Access-Control-Allow-Credentials", nullValue());
    }
  }

  @Test
  void the_access_log_masks_keys_even_where_it_shows_all_headers() throws Exception {
    ExchangeAttribute headers =
        new ExchangeAttributeParser(getClass().getClassLoader(), List.of())
            .parse("%r %{ALL_REQUEST_HEADERS}");
    CompletableFuture<String> line = new CompletableFuture<>();
    Router router = Router.router(vertx);
    router
        .route()
        .handler(
            call -> {
              line.complete(headers.readAttribute(call));
              call.end("ok");
            });
    HttpServer server =
        vertx
            .createHttpServer()
            .requestHandler(router)
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .get(60, TimeUnit.SECONDS);
    try {
      given()
          .header("Authorization", "Bearer sk-very-secret")
          .header("X-Else", "shown")
          .get("http://127.0.0.1:" + server.actualPort() + "/")
          .then()
          .statusCode(200);
    } finally {
      server.close();
    }
    String logged = line.get(60, TimeUnit.SECONDS);
    assertTrue(logged.contains("shown"), logged);
    assertFalse(logged.contains("very-secret"), logged);
  }

  @Test
  void no_key_is_ever_logged() {
    TestTenant tenant = TestTenant.create();
    List<String> lines = new CopyOnWriteArrayList<>();
    Handler listener =
        new Handler() {
          @Override
          public void publish(LogRecord line) {
            lines.add(line.getLoggerName() + " " + new SimpleFormatter().format(line));
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Logger ours = Logger.getLogger("io.klingtracker");
    Level before = ours.getLevel();
    ours.addHandler(listener);
    ours.setLevel(Level.ALL);
    String token = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJtYWRlLXVwIn0.c2lnbmF0dXJl";
    try {
      tenant.caller().get("/v1/tasks").then().statusCode(200);
      tenant.caller().get("/v1/tasks?limit=x").then().statusCode(400);
      for (String bad : List.of(tenant.apiKey() + "x", token)) {
        given().header("Authorization", "Bearer " + bad).get("/v1/tasks").then().statusCode(401);
      }
    } finally {
      ours.removeHandler(listener);
      ours.setLevel(before);
    }
    // The refusals are answered, so there was something to listen to.
    assertTrue(lines.stream().anyMatch(line -> line.contains("authorization-invalid")));
    for (String line : lines) {
      assertFalse(line.contains(tenant.apiKey()) || line.contains(token), line);
    }
  }

  @Test
  void a_path_spelled_otherwise_needs_the_key_too() {
    for (String path :
        new String[] {
          "//v1/tasks", "/v1//tasks", "/%761/tasks", "/./v1/tasks", "/admin/../v1/tasks"
        }) {
      given()
          .urlEncodingEnabled(false)
          .get(path)
          .then()
          .statusCode(anyOf(equalTo(401), equalTo(404), equalTo(400)));
    }
  }
}
