package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is too much is deferred while what was let in is still being answered. */
class AdmissionTest {

  private final Vertx vertx = Vertx.vertx();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** Requests that were let in and have no answer yet. */
  private final List<RoutingContext> inside = new ArrayList<>();

  private final BlockingQueue<RoutingContext> arriving = new LinkedBlockingQueue<>();

  private int port;

  @BeforeEach
  void a_server_that_is_slow() {
    HttpParts http =
        new HttpParts(
            vertx,
            Map.of(
                "tracker.http.max-callbacks", "1",
                "tracker.http.max-submissions", "3",
                "tracker.http.max-reads", "2"));
    Router router = Router.router(vertx);
    router.route().handler(http.admission::admit);
    router.route().handler(arriving::add);
    port = http.listen(router);
  }

  @AfterEach
  void end() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  @Test
  void submissions_above_the_bound_are_put_off_in_kling_s_words() throws Exception {
    List<CompletableFuture<HttpResponse<String>>> admitted = admitted("POST", "/kling/v1/x", 3);

    HttpResponse<String> refused = send("POST", "/kling/v1/x", "").get(60, TimeUnit.SECONDS);

    assertEquals(503, refused.statusCode());
    assertEquals("1", refused.headers().firstValue("Retry-After").orElse(""));
    assertTrue(refused.body().contains("\"code\":5001"), refused.body());
    answerAll();
    for (CompletableFuture<HttpResponse<String>> call : admitted) {
      assertEquals(200, call.get(60, TimeUnit.SECONDS).statusCode());
    }
    admitted("POST", "/kling/v1/x", 3);
  }

  @Test
  void a_flood_of_one_sort_shuts_out_no_other() throws Exception {
    admitted("GET", "/v1/tasks", 2);
    HttpResponse<String> refused = send("GET", "/v1/tasks", "").get(60, TimeUnit.SECONDS);
    assertEquals(503, refused.statusCode());
    assertEquals(
        "application/problem+json", refused.headers().firstValue("Content-Type").orElse(""));

    admitted("POST", "/v1/tasks/batch", 1);
    admitted("POST", "/callbacks/kling/a/b", 1);
    admitted("GET", "/q/health/live", 1);
    admitted("POST", "/admin/v1/tenants", 1);
    assertEquals(
        503, send("POST", "/callbacks/kling/a/b", "").get(60, TimeUnit.SECONDS).statusCode());
  }

  @Test
  void whoever_hangs_up_leaves_his_place() throws Exception {
    CompletableFuture<HttpResponse<String>> call = admitted("POST", "/callbacks/x", 1).get(0);
    CompletableFuture<Void> left = new CompletableFuture<>();
    inside.get(0).addEndHandler(end -> left.complete(null));
    call.cancel(true);
    left.get(60, TimeUnit.SECONDS);

    admitted("POST", "/callbacks/x", 1);
  }

  /** Sends so many and waits until they are let in. */
  private List<CompletableFuture<HttpResponse<String>>> admitted(
      String method, String path, int count) throws Exception {
    List<CompletableFuture<HttpResponse<String>>> calls = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      calls.add(send(method, path, "{}"));
      RoutingContext context = arriving.poll(10, TimeUnit.SECONDS);
      assertTrue(context != null, path + " was not let in");
      inside.add(context);
    }
    return calls;
  }

  private void answerAll() {
    inside.forEach(context -> context.response().end("done"));
    inside.clear();
  }

  private CompletableFuture<HttpResponse<String>> send(String method, String path, String body) {
    return http.sendAsync(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }
}
