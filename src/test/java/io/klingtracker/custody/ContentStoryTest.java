package io.klingtracker.custody;

import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import jakarta.inject.Inject;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A result is copied as soon as it is there, and its content is had for as long as the copy is. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ContentStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject Jdbi jdbi;

  @TestHTTPResource URI base;

  private TestTenant tenant;
  private String id;

  @BeforeEach
  void a_task_that_has_succeeded_and_been_copied() {
    TrackerStack.simulator().clearFaults();
    tenant = TestTenant.create();
    id =
        tenant
            .caller()
            .header("Prefer", "wait=60")
            .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
            .post("/kling/v1/videos/text2video")
            .then()
            .statusCode(200)
            .body("data.task_status", equalTo("succeed"))
            .extract()
            .path("data.task_id");
    await().atMost(LIMIT).until(() -> task().path("results") != null);
  }

  private Response task() {
    return tenant.caller().get("/v1/tasks/" + id);
  }

  private String content() {
    return "/v1/tasks/" + id + "/content";
  }

  private Response get(String... headers) {
    var request = tenant.caller().redirects().follow(false);
    for (int i = 0; i < headers.length; i += 2) {
      request = request.header(headers[i], headers[i + 1]);
    }
    return request.get(content());
  }

  private void sql(String statement) {
    assertEquals(1, jdbi.<Integer, RuntimeException>withHandle(h -> h.execute(statement, id)));
  }

  @Test
  void a_copy_is_had_whole_or_in_parts() {
    String root = base.toString().replaceAll("/+$", "").replace("127.0.0.1", "localhost");
    task()
        .then()
        .body("custody_url", equalTo(root + content()))
        .body("results.size()", equalTo(1))
        .body("results[0].index", equalTo(0))
        .body("results[0].type", equalTo("video/mp4"))
        .body("results[0].bytes", equalTo(MediaServer.FILE.length));
    tenant
        .caller()
        .get("/v1/events?limit=1000")
        .then()
        .body("events.find { it.status == 'succeed' }.custody_url", equalTo(root + content()));
    String tag = "\"" + task().path("results[0].sha256") + "\"";

    Response whole = get();
    whole
        .then()
        .statusCode(200)
        .header("Content-Type", equalTo("video/mp4"))
        .header("Content-Length", equalTo(Integer.toString(MediaServer.FILE.length)))
        .header("Accept-Ranges", equalTo("bytes"))
        .header("X-Content-Type-Options", equalTo("nosniff"))
        .header("ETag", equalTo(tag));
    assertArrayEquals(MediaServer.FILE, whole.asByteArray());

    Response part = get("Range", "bytes=10-19", "If-Range", tag);
    part.then()
        .statusCode(206)
        .header("Content-Range", equalTo("bytes 10-19/" + MediaServer.FILE.length))
        .header("Content-Length", equalTo("10"));
    assertArrayEquals(Arrays.copyOfRange(MediaServer.FILE, 10, 20), part.asByteArray());
    get("Range", "bytes=10-19", "If-Range", "\"other\"").then().statusCode(200);
    get("Range", "bytes=" + MediaServer.FILE.length + "-")
        .then()
        .statusCode(416)
        .header("Content-Range", equalTo("bytes */" + MediaServer.FILE.length));
    get("If-None-Match", tag).then().statusCode(304);
    tenant
        .caller()
        .head(content())
        .then()
        .statusCode(200)
        .header("Content-Length", equalTo(Integer.toString(MediaServer.FILE.length)));
    tenant
        .caller()
        .get(content() + "?index=1")
        .then()
        .statusCode(404)
        .body("detail", containsString("index is from 0 to 0"));
  }

  @Test
  void without_a_copy_it_is_at_kling_until_the_link_is_dead() {
    sql("delete from custody_copy where task_id = ?");
    get()
        .then()
        .statusCode(302)
        .header("Location", equalTo(task().<String>path("result.videos[0].url")))
        .header("Cache-Control", containsString("no-store"));
    sql("update task set result_expires_at = now() where id = ?");
    get().then().statusCode(410).body("code", equalTo("content-gone"));
  }

  @Test
  void a_copy_that_somebody_took_from_the_folder_is_gone() throws Exception {
    String object =
        jdbi.withHandle(
            h ->
                h.createQuery("select object from custody_copy where task_id = ?")
                    .bind(0, id)
                    .mapTo(String.class)
                    .one());
    Path file = TrackerStack.CUSTODY.resolve(object);
    assertArrayEquals(MediaServer.FILE, Files.readAllBytes(file));
    Files.delete(file);
    get().then().statusCode(410).body("detail", containsString("not where it was kept"));
  }

  @Test
  void before_the_end_there_is_none() {
    String running =
        tenant
            .caller()
            .body(
                "{\"kind\":\"text2video\",\"external_task_id\":\"%s\"}"
                    .formatted(UUID.randomUUID()))
            .post("/v1/tasks/track")
            .path("task_id");
    tenant
        .caller()
        .get("/v1/tasks/" + running + "/content")
        .then()
        .statusCode(409)
        .body("code", equalTo("conflict"));
    tenant.caller().post("/v1/tasks/" + running + "/content-link").then().statusCode(409);
  }

  @Test
  void a_signed_link_needs_no_key_and_opens_nothing_else() {
    Response given = tenant.caller().post("/v1/tasks/" + id + "/content-link");
    String url = given.then().statusCode(200).extract().path("url");
    String query = url.substring(url.indexOf('?'));

    Response whole = given().get(content() + query);
    whole.then().statusCode(200);
    assertArrayEquals(MediaServer.FILE, whole.asByteArray());

    String other = query.replace("signature=", "signature=_");
    given().get(content() + other).then().statusCode(401);
    given().get(content() + query.replace("index=0", "index=1")).then().statusCode(401);
    given().get(content() + query.replaceFirst("expires=1", "expires=2")).then().statusCode(401);
    given().get(content() + "?signature=x").then().statusCode(401);
    given().get("/v1/tasks/" + id + query).then().statusCode(401);
    given().get("/v1/tasks" + query).then().statusCode(401);
    given().post("/v1/tasks/" + id + "/content-link" + query).then().statusCode(401);
    given().get("/v1/tasks/task_" + "0".repeat(26) + "/content" + query).then().statusCode(401);

    TestTenant.admin().body("{\"suspended\":true}").patch("/admin/v1/tenants/" + tenant.id());
    given().get(content() + query).then().statusCode(403);
  }

  @Test
  void a_copy_changes_the_task_for_who_has_it() {
    String before = task().header("ETag");
    sql("update custody_copy set erased_at = now() where task_id = ?");
    get().then().statusCode(302);
    await().atMost(LIMIT).until(() -> task().path("results") == null);
    assertNotEquals(before, task().header("ETag"));
  }
}
