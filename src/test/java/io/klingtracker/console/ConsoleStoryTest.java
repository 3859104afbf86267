package io.klingtracker.console;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.tenant.ConsoleSessions;
import io.klingtracker.testing.Statements;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The console over HTTP: who gets in, what is shown to whom, and what a page may do. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ConsoleStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final Pattern FORM_TOKEN = Pattern.compile("name=\"csrf\" value=\"([^\"]+)\"");
  private static final String EVIL =
      "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}";

  @Inject KlingAccounts accounts;
  @Inject ConsoleSessions sessions;
  @Inject Jdbi jdbi;

  @TestHTTPResource URI base;

  private TestTenant tenant;
  private String session;

  @BeforeEach
  void somebody_is_signed_in() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
    session = signIn(tenant.apiKey());
  }

  @AfterEach
  void the_account_as_it_was() {
    TrackerStack.simulator().clearFaults();
    accounts.resume("default");
  }

  private static RequestSpecification browser() {
    return given().redirects().follow(false).accept("text/html");
  }

  private static RequestSpecification browser(String session) {
    return browser().cookie(ConsoleSessions.COOKIE, session);
  }

  private static String signIn(String key) {
    return browser()
        .formParam("key", key)
        .formParam("to", "/console/tasks")
        .post("/console/sign-in")
        .then()
        .statusCode(303)
        .header("Location", endsWith("/console/tasks"))
        .extract()
        .cookie(ConsoleSessions.COOKIE);
  }

  private Response page(String path) {
    return browser(session).get(path);
  }

  private static String formToken(Response page) {
    Matcher token = FORM_TOKEN.matcher(page.asString());
    assertTrue(token.find(), page.asString());
    return token.group(1);
  }

  private String ended(String external) {
    String task = tenant.submit(external);
    await()
        .atMost(LIMIT)
        .until(() -> tenant.caller().get("/v1/tasks/" + task).path("status"), "succeed"::equals);
    return task;
  }

  private String waiting() {
    accounts.pause("default");
    return tenant.submit("waits-" + UUID.randomUUID());
  }

  // Who gets in

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/console",
        "/console/tasks?q=status:failed",
        "/console/tasks/x",
        "/console/nothing"
      })
  void without_a_session_every_page_asks_for_a_key_and_leads_back(String path) {
    browser()
        .get(path)
        .then()
        .statusCode(303)
        .header("Location", startsWith("/console/sign-in?to=%2Fconsole"));
    browser()
        .cookie(ConsoleSessions.COOKIE, "made.up")
        .header("HX-Request", "true")
        .get(path)
        .then()
        .statusCode(401)
        .header("HX-Redirect", equalTo("/console/sign-in"));
  }

  @Test
  void a_wrong_key_is_refused_beside_the_field() {
    browser()
        .formParam("key", "sk-wrong")
        .post("/console/sign-in")
        .then()
        .statusCode(401)
        .body(containsString("the key is unknown, expired or revoked"))
        .header("Set-Cookie", nullValue());
  }

  @Test
  void the_cookie_is_for_the_console_alone_and_no_script() {
    String cookie =
        browser()
            .formParam("key", tenant.apiKey())
            .post("/console/sign-in")
            .getHeader("Set-Cookie");

    assertTrue(cookie.contains("HttpOnly"), cookie);
    assertTrue(cookie.contains("SameSite=Strict"), cookie);
    assertTrue(cookie.contains("Path=/console") || cookie.contains("Path=\"/console\""), cookie);
    assertFalse(cookie.contains("Secure"), "this request had no TLS: " + cookie);
  }

  @Test
  void a_session_is_good_for_pages_alone() {
    given().cookie(ConsoleSessions.COOKIE, session).get("/v1/tasks").then().statusCode(401);
    given().cookie(ConsoleSessions.COOKIE, session).get("/admin/v1/tenants").then().statusCode(401);
    tenant.caller().redirects().follow(false).get("/console/tasks").then().statusCode(303);
  }

  @Test
  void signing_out_ends_the_session() {
    String token = formToken(page("/console/tasks"));

    browser(session)
        .formParam("csrf", token)
        .post("/console/sign-out")
        .then()
        .statusCode(303)
        .header("Location", endsWith("/console/sign-in"));

    page("/console/tasks").then().statusCode(303);
  }

  @Test
  void a_link_of_this_machine_signs_in_once() {
    String path = "/console/once/" + sessions.oneTimeToken(TrackerStack.ADMIN_KEY);

    String admin =
        browser().get(path).then().statusCode(303).extract().cookie(ConsoleSessions.COOKIE);

    browser(admin).get("/console/tasks").then().statusCode(200);
    browser().get(path).then().statusCode(303).header("Location", endsWith("/console/sign-in"));
  }

  // What a page may do

  @Test
  void nothing_is_changed_without_the_token_of_the_session() {
    String task = waiting();
    String path = "/console/tasks/" + task + "/cancel";
    TestTenant stranger = TestTenant.create();
    String foreign = formToken(browser(signIn(stranger.apiKey())).get("/console/tasks"));

    for (String token : List.of("", "x", foreign)) {
      browser(session).formParam("csrf", token).post(path).then().statusCode(403);
    }
    browser(session)
        .contentType("application/x-www-form-urlencoded")
        .post(path)
        .then()
        .statusCode(403);
    assertEquals("queued", tenant.caller().get("/v1/tasks/" + task).path("status"));

    browser(session)
        .formParam("csrf", formToken(page("/console/tasks/" + task)))
        .post(path)
        .then()
        .statusCode(303)
        .header("Location", endsWith("/console/tasks/" + task));
    assertEquals("canceled", tenant.caller().get("/v1/tasks/" + task).path("status"));
    page("/console/tasks/" + task).then().body(not(containsString("Cancel this task")));
  }

  @Test
  void kling_is_asked_from_the_page_and_not_twice_in_a_moment() {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(8_000, 20_000)).times(1));
    String task = tenant.submit("asked-" + UUID.randomUUID());
    await()
        .atMost(LIMIT)
        .until(() -> tenant.caller().get("/v1/tasks/" + task).path("status"), "submitted"::equals);
    String path = "/console/tasks/" + task;
    Response page = page(path);
    page.then().body(containsString("Ask Kling now"));

    browser(session).formParam("csrf", "x").post(path + "/check").then().statusCode(403);
    browser(session)
        .formParam("csrf", formToken(page))
        .post(path + "/check")
        .then()
        .statusCode(303)
        .header("Location", endsWith(path));
    browser(session)
        .formParam("csrf", formToken(page))
        .post(path + "/check")
        .then()
        .statusCode(429)
        .body(containsString("less than 10 s ago"));
  }

  @Test
  void an_action_needs_the_scope_that_the_api_needs() {
    String task = waiting();
    TestTenant reader = TestTenant.withKey(tenant.id(), "{\"name\":\"r\",\"scopes\":[\"read\"]}");
    String reading = signIn(reader.apiKey());
    Response page = browser(reading).get("/console/tasks/" + task);

    page.then().statusCode(200).body(not(containsString("Cancel this task")));
    browser(reading)
        .formParam("csrf", formToken(page))
        .post("/console/tasks/" + task + "/cancel")
        .then()
        .statusCode(403)
        .body(containsString("it would need submit"));
    tenant.caller().post("/v1/tasks/" + task + "/cancel").then().statusCode(200);
  }

  @Test
  void what_an_administrator_does_is_audited() {
    String task = waiting();
    String admin = signIn(TrackerStack.ADMIN_KEY);
    String path = "/console/tasks/" + task;

    browser(admin)
        .formParam("csrf", formToken(browser(admin).get(path + "?tenant=" + tenant.id())))
        .post(path + "/cancel?tenant=" + tenant.id())
        .then()
        .statusCode(303);

    List<String> paths = TestTenant.admin().get("/admin/v1/audit?limit=20").path("entries.path");
    assertTrue(paths.contains(path + "/cancel"), paths.toString());
  }

  @Test
  void pages_allow_no_script_but_ours() {
    String task = ended("csp-" + UUID.randomUUID());
    for (String path : List.of("/console/sign-in", "/console/tasks", "/console/tasks/" + task)) {
      Response page = page(path);
      String policy = page.getHeader("Content-Security-Policy");
      assertTrue(policy.startsWith("default-src 'self';"), policy);
      assertFalse(policy.contains("unsafe"), policy);
      assertTrue(policy.contains("media-src 'self' http://localhost:*"), policy);
      assertEquals(1, page.getHeaders().getValues("Content-Security-Policy").size());
      assertFalse(
          Pattern.compile("<script(?! src=\"/console/assets/)|<style|\\sstyle=|\\son[a-z]+=")
              .matcher(page.asString())
              .find(),
          path + " has script or style of its own");
      assertEquals("no-store", page.getHeader("Cache-Control"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"console.css", "console.js", "icon.svg", "htmx.js", "sse.js"})
  void assets_are_the_consoles_own_and_are_not_sent_twice(String name) {
    Response first =
        browser().get("/console/assets/" + name).then().statusCode(200).extract().response();
    browser()
        .header("If-None-Match", first.getHeader("ETag"))
        .get("/console/assets/" + name)
        .then()
        .statusCode(304);
    browser().get("/console/assets/other").then().statusCode(404);
  }

  // What is shown

  @Test
  void a_task_is_found_by_each_of_its_ids() {
    String external = "order-" + UUID.randomUUID();
    String task = ended(external);
    String kling = tenant.caller().get("/v1/tasks/" + task).path("kling_task_id");

    for (String id : List.of(task, external, kling)) {
      page("/console/tasks?q=" + id)
          .then()
          .statusCode(303)
          .header("Location", endsWith("/console/tasks/" + task));
      page("/console/tasks/" + id).then().statusCode(200).body(containsString(external));
    }
    page("/console/tasks?q=nobody")
        .then()
        .statusCode(200)
        .body(allOf(containsString("No task has the id"), containsString("nobody")));
    page("/console/tasks/nobody")
        .then()
        .statusCode(404)
        .contentType("text/html")
        .header("Content-Security-Policy", startsWith("default-src 'self';"));
  }

  @Test
  void every_part_of_a_task_has_a_page() {
    String task = ended("parts-" + UUID.randomUUID());
    String path = "/console/tasks/" + task;

    page(path)
        .then()
        .statusCode(200)
        .body(allOf(containsString("<video"), containsString("class=\"mark applied\"")));
    page(path + "/request")
        .then()
        .statusCode(200)
        .body(
            allOf(
                containsString("a cat"),
                containsString("external_task_id"),
                containsString("curl -s -X POST")));
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                page(path + "/callbacks")
                    .then()
                    .statusCode(200)
                    .body(containsString("task_status")));
    page(path + "/deliveries").then().statusCode(200).body(containsString("callback_url"));
    page(path + "/events").then().statusCode(200).body(containsString("event_id"));
    page(path + "/nothing").then().statusCode(404);
  }

  @Test
  void a_list_is_narrowed_by_words_and_pages_go_on() {
    for (int i = 0; i <= ConsoleResource.PAGE; i++) {
      tenant.submit("many-" + i + "-" + UUID.randomUUID());
    }
    String first = page("/console/tasks").then().statusCode(200).extract().asString();
    Matcher next = Pattern.compile("href=\"([^\"]+)\" rel=\"next\"").matcher(first);
    assertTrue(next.find(), first);

    assertEquals(ConsoleResource.PAGE, rows(first));
    assertEquals(1, rows(page(next.group(1).replace("&amp;", "&")).asString()));
    assertEquals(0, rows(page("/console/tasks?q=kind:image2video").asString()));
    page("/console/tasks?q=stats:failed")
        .then()
        .statusCode(200)
        .body(allOf(containsString("unknown word"), containsString("status")));
  }

  private static int rows(String page) {
    return page.split("<tr id=\"row-", -1).length - 1;
  }

  @Test
  void another_tenants_tasks_are_as_unknown_as_made_up_ones() {
    String external = "theirs-" + UUID.randomUUID();
    String task = ended(external);
    TestTenant stranger = TestTenant.create();
    String strange = signIn(stranger.apiKey());

    for (String id : List.of(task, external)) {
      String madeUp = id.equals(task) ? "task_" + "0".repeat(26) : "theirs-" + UUID.randomUUID();
      for (String part : List.of("", "/request", "/callbacks", "/deliveries", "/events", "/live")) {
        for (String query : List.of("", "?tenant=" + tenant.id())) {
          assertEquals(
              seen(strange, "/console/tasks/" + madeUp + part + query, madeUp),
              seen(strange, "/console/tasks/" + id + part + query, id));
        }
      }
      assertEquals(
          seen(strange, "/console/rows/" + madeUp, madeUp),
          seen(strange, "/console/rows/" + id, id));
      assertEquals(
          seen(strange, "/console/tasks?q=" + madeUp, madeUp),
          seen(strange, "/console/tasks?q=" + id, id));
    }
    assertFalse(browser(strange).get("/console/tasks").asString().contains(task));
    assertFalse(
        browser(strange).get("/console/tasks?tenant=" + tenant.id()).asString().contains(task));
    String token = formToken(browser(strange).get("/console/tasks"));
    for (String act : List.of("cancel", "redeliver")) {
      browser(strange)
          .formParam("csrf", token)
          .post("/console/tasks/" + task + "/" + act + "?tenant=" + tenant.id())
          .then()
          .statusCode(404);
    }
  }

  /** Status and body, without what differs from request to request. */
  private static String seen(String session, String path, String id) {
    Response answer = browser(session).get(path);
    return answer.statusCode()
        + answer
            .asString()
            .replace(id, "ID")
            .replaceAll("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID");
  }

  @Test
  void an_administrator_finds_a_task_without_knowing_whose_it_is() {
    String external = "order-" + UUID.randomUUID();
    String task = ended(external);
    String admin = signIn(TrackerStack.ADMIN_KEY);

    for (String id : List.of(task, external)) {
      browser(admin)
          .get("/console/tasks?q=" + id)
          .then()
          .statusCode(303)
          .header("Location", endsWith("?tenant=" + tenant.id()));
    }
    browser(admin)
        .get("/console/tasks/" + task + "?tenant=" + tenant.id())
        .then()
        .statusCode(200)
        .body(containsString(external))
        .body(containsString("/request?tenant=" + tenant.id()));
    browser(admin)
        .get("/console/tasks")
        .then()
        .statusCode(200)
        .body(containsString("Choose a tenant"));
    browser(admin).get("/console/tasks?tenant=nobody").then().statusCode(404);
    browser(admin).get("/console/tasks?q=nobody").then().statusCode(404);
  }

  @Test
  void nothing_that_a_caller_or_kling_wrote_becomes_markup() {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderFails(EVIL)).times(1));
    String external = "<i>theirs-" + UUID.randomUUID();
    Map<String, Object> body = new HashMap<>();
    body.put("model_name", "kling-v3");
    body.put("prompt", EVIL);
    body.put("external_task_id", external);
    body.put("callback_url", "https://nobody.example.com/<script>alert(1)</script>");
    body.put("<script>alert(1)</script>", EVIL);
    String task =
        tenant
            .caller()
            .header("Tracker-Metadata", "{\"order\":\"<script>alert(1)</script>\"}")
            .body(body)
            .post(CREATE)
            .then()
            .statusCode(200)
            .extract()
            .path("data.task_id");
    await()
        .atMost(LIMIT)
        .until(() -> tenant.caller().get("/v1/tasks/" + task).path("status"), "failed"::equals);

    for (String path : List.of("", "/request", "/callbacks", "/deliveries", "/events")) {
      clean(page("/console/tasks/" + task + path));
    }
    clean(page("/console/tasks"));
    clean(page("/console/rows/" + task));
    clean(browser(session).queryParam("q", EVIL).get("/console/tasks"));
    clean(
        browser(session).queryParam("q", "status:" + EVIL.replace(" ", "")).get("/console/tasks"));
    clean(browser(session).pathParam("id", EVIL.replaceAll("[{}]", "")).get("/console/tasks/{id}"));
    clean(browser().queryParam("to", "/console/" + EVIL).get("/console/sign-in"));
    clean(browser().formParam("key", EVIL).formParam("to", EVIL).post("/console/sign-in"));
  }

  private static void clean(Response page) {
    String text = page.asString();
    assertFalse(text.contains("<script>"), text);
    assertFalse(text.contains("<img src=x"), text);
    assertFalse(text.contains("<b>" + "0"), text);
    assertFalse(text.contains("49" + "}"), text);
  }

  @Test
  void a_page_says_that_its_task_has_changed_until_it_ends() throws Exception {
    String task = waiting();
    HttpResponse<InputStream> stream =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(base.resolve("/console/tasks/" + task + "/live"))
                    .header("Cookie", ConsoleSessions.COOKIE + "=" + session)
                    .timeout(LIMIT)
                    .build(),
                HttpResponse.BodyHandlers.ofInputStream());
    assertEquals(200, stream.statusCode());
    accounts.resume("default");

    StringBuilder read = new StringBuilder();
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(stream.body(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        read.append(line).append('\n');
      }
    }
    assertTrue(read.toString().contains("event:change"), read.toString());
    assertTrue(read.toString().contains("event:end\ndata:" + task), read.toString());
  }

  /** The session is remembered for a few seconds, as keys are. */
  @ParameterizedTest
  @ValueSource(strings = {"", "/request", "/callbacks", "/deliveries", "/events"})
  void a_page_costs_three_statements_at_the_most(String part) {
    String task = ended("costs-" + UUID.randomUUID());
    String path = "/console/tasks/" + task + part;
    page(path).then().statusCode(200);
    int views = 24;
    Statements statements = Statements.of(TrackerStack.jdbcUrl());

    for (int i = 0; i < views; i++) {
      page(path).then().statusCode(200);
    }

    Map<String, Long> since = statements.since();
    since.values().removeIf(calls -> calls < views);
    assertTrue(since.size() <= 3, since.toString());
  }
}
