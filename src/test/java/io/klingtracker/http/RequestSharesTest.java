package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What one tenant's requests hold leaves room for another's; the tenant is named by a header. */
class RequestSharesTest {

  private static final int MIB = 1 << 20;

  private final Vertx vertx = Vertx.vertx();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final BlockingQueue<RoutingContext> arriving = new LinkedBlockingQueue<>();
  private final List<Socket> sockets = new ArrayList<>();
  private HttpParts parts;
  private int port;

  @BeforeEach
  void a_server_that_answers_when_it_is_told_to() {
    parts =
        new HttpParts(
            vertx,
            Map.of(
                "tracker.http.max-submissions", "16",
                "tracker.http.max-reads", "64",
                "tracker.http.body-memory", "16777216"));
    Router router = Router.router(vertx);
    router
        .route()
        .handler(
            call -> {
              call.request().pause();
              RequestTenant.set(call, call.request().getHeader("Tenant"));
              call.next();
            });
    router.route().handler(parts.admission::admit);
    router.route().handler(parts.shares::enter);
    router.route().handler(parts.bodies::read);
    router.route().handler(parts.turns::take);
    router.route().handler(arriving::add);
    port = parts.listen(router);
  }

  @AfterEach
  void end() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  @Test
  void senders_who_stop_half_way_leave_places_for_another_tenant() throws Exception {
    for (int i = 0; i < 14; i++) {
      begin("greedy", 1000, "{".getBytes(StandardCharsets.UTF_8));
    }
    awaitHeld("submissions", 14);
    HttpResponse<String> refused =
        send("greedy", "/v1/tasks/batch", "{}").get(60, TimeUnit.SECONDS);
    assertEquals(503, refused.statusCode());
    assertTrue(refused.body().contains("submissions, at most 16"), refused.body());

    CompletableFuture<HttpResponse<String>> other = send("other", "/v1/tasks/batch", "{}");
    next().response().end("done");

    assertEquals(200, other.get(60, TimeUnit.SECONDS).statusCode());
    refused = send("greedy", "/v1/tasks/batch", "{}").get(60, TimeUnit.SECONDS);
    assertTrue(refused.body().contains("your share"), refused.body());
  }

  @Test
  void half_sent_pictures_leave_room_for_another_tenant_s() throws Exception {
    // Eight of them fill the half of what is there for large bodies that one tenant may have.
    byte[] half = new byte[4 * MIB];
    for (int i = 0; i < 10; i++) {
      begin("greedy", 5 * MIB, half);
    }
    Awaitility.await()
        .atMost(20, TimeUnit.SECONDS)
        .until(
            () ->
                parts
                        .meters
                        .get("tracker.share.refused")
                        .tag("bound", "large-body-bytes")
                        .counter()
                        .count()
                    > 0);

    CompletableFuture<HttpResponse<String>> other =
        send("other", "/kling/v1/videos/image2video", " ".repeat(3 * MIB));
    RoutingContext arrived = next();
    assertEquals(3 * MIB, arrived.body().length());
    arrived.response().end("done");

    assertEquals(200, other.get(60, TimeUnit.SECONDS).statusCode());
  }

  @Test
  void a_picture_that_was_announced_and_drips_takes_nothing_from_another_tenant() throws Exception {
    for (int i = 0; i < 3; i++) {
      begin("greedy", 31 * MIB, new byte[80_000]);
    }
    awaitHeld("large-body-bytes", 240_000);

    CompletableFuture<HttpResponse<String>> other =
        send("other", "/kling/v1/videos/image2video", " ".repeat(3 * MIB));
    next().response().end("done");

    assertEquals(200, other.get(60, TimeUnit.SECONDS).statusCode());
  }

  @Test
  void a_crowd_of_slow_requests_does_not_keep_another_tenant_from_its_turn() throws Exception {
    List<RoutingContext> running = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      send("greedy", "/v1/tasks", null);
    }
    for (int i = 0; i < 3; i++) {
      running.add(next());
    }
    awaitHeld("reads", 20);

    // The last free turn is not for a tenant that has some.
    send("other", "/v1/tasks", null);
    assertEquals("other", tenantOf(next()));

    // And of those that wait, the next is of the tenant that has fewer, or ran longer ago.
    send("other", "/v1/tasks", null);
    awaitHeld("reads", 22);
    running.remove(0).response().end("done");
    running.remove(0).response().end("done");
    assertEquals("greedy", tenantOf(next()));
    running.remove(0).response().end("done");
    assertEquals("other", tenantOf(next()));
  }

  private static String tenantOf(RoutingContext call) {
    return call.request().getHeader("Tenant");
  }

  private void awaitHeld(String bound, int count) {
    Awaitility.await()
        .atMost(20, TimeUnit.SECONDS)
        .until(
            () ->
                parts.meters.get("tracker.share.held").tag("bound", bound).gauge().value()
                    == count);
  }

  private RoutingContext next() throws InterruptedException {
    RoutingContext call = arriving.poll(20, TimeUnit.SECONDS);
    assertNotNull(call, "nobody was let in");
    return call;
  }

  /** Sends the beginning of a body and then nothing. */
  private void begin(String tenant, int announced, byte[] start) throws IOException {
    Socket socket = new Socket("127.0.0.1", port);
    sockets.add(socket);
    OutputStream out = socket.getOutputStream();
    String head =
        "POST /kling/v1/videos/image2video HTTP/1.1\r\nHost: a\r\nTenant: %s\r\nContent-Length: %d\r\n\r\n";
    out.write(head.formatted(tenant, announced).getBytes(StandardCharsets.US_ASCII));
    try {
      out.write(start);
      out.flush();
    } catch (IOException e) {
      // Refused before we were through.
    }
  }

  private CompletableFuture<HttpResponse<String>> send(
      String tenant, String path, @org.jspecify.annotations.Nullable String body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .header("Tenant", tenant);
    return http.sendAsync(
        body == null
            ? request.build()
            : request.POST(HttpRequest.BodyPublishers.ofString(body)).build(),
        HttpResponse.BodyHandlers.ofString());
  }
}
