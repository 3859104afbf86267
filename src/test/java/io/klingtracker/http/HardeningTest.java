package io.klingtracker.http;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What everybody may see of us: headers of pages, and nothing of our inside. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class HardeningTest {

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
    given()
        .header("Authorization", "Bearer x")
        .contentType("application/json")
        .body("x".repeat(2_000_000))
        .post("/v1/tasks/batch")
        .then()
        .statusCode(anyOf(is(413), is(401)));
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
