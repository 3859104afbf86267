package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.vertx.http.HttpServerStart;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two ports of one router. */
class OperatorPortTest {

  private static final int MOST = 3;

  private final Vertx vertx = Vertx.vertx();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private int publicPort;
  private OperatorPort operators = open(Map.of("tracker.operator.port", "0"));

  @AfterEach
  void stop() {
    vertx.close();
  }

  private OperatorPort open(Map<String, String> settings) {
    HttpParts parts = new HttpParts(vertx, Map.of());
    Connections connections =
        new Connections(
            vertx,
            Settings.of(
                HttpConfig.class, Map.of("tracker.http.max-connections", Integer.toString(MOST))),
            new UntakenAnswers(new SimpleMeterRegistry(), Long.MAX_VALUE),
            new SimpleMeterRegistry());
    Router router = Router.router(vertx);
    OperatorPort port =
        new OperatorPort(
            vertx,
            Settings.of(OperatorConfig.class, settings),
            connections,
            parts.refusals,
            router,
            false);
    router.route().handler(parts.admission::admit);
    router.route().handler(port::admit);
    router.route().handler(call -> call.response().end("inside"));
    publicPort = parts.listen(router);
    HttpServerOptions options = new HttpServerOptions().setHost("127.0.0.1");
    connections.onStart(new HttpServerStart(options)).orTimeout(10, TimeUnit.SECONDS).join();
    port.open(options)
        .toCompletionStage()
        .toCompletableFuture()
        .orTimeout(10, TimeUnit.SECONDS)
        .join();
    return port;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/admin",
        "/admin/v1/tenants",
        "/%61dmin/v1/tenants",
        "/Admin/v1/tenants",
        "/console",
        "/console/tasks",
        "/q",
        "/q/",
        "/q/metrics",
        "/q/%6detrics",
        "/q/metrics/",
        "/q/openapi",
        "/q/openapi?format=json",
        "/q/swagger-ui/",
        "/q/health/well",
        "/q/health/group/x",
        "/q/arc"
      })
  void what_is_for_operators_is_on_their_port_alone(String path) throws Exception {
    HttpResponse<String> outside = get(publicPort, path);
    assertEquals(404, outside.statusCode());
    assertTrue(outside.body().contains("there is nothing here"), outside.body());
    assertEquals("inside", get(operators.actualPort(), path).body());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/q/health",
        "/q/health/live",
        "/q/health/ready",
        "/q/health/started",
        "/v1/tasks",
        "/kling/v1/videos/text2video",
        "/callbacks/kling/task_1/x",
        "/asyncapi.yaml",
        "/.well-known/webhook-keys",
        "/queue",
        "/v1/admin"
      })
  void everything_else_is_on_both(String path) throws Exception {
    assertEquals("inside", get(publicPort, path).body());
    assertEquals("inside", get(operators.actualPort(), path).body());
  }

  @Test
  void without_the_setting_all_is_on_one_port() throws Exception {
    operators = open(Map.of());
    assertEquals(-1, operators.actualPort());
    assertEquals("inside", get(publicPort, "/admin/v1/tenants").body());
    assertEquals("inside", get(publicPort, "/q/metrics").body());
  }

  @Test
  void callers_who_hold_all_connections_do_not_shut_operators_out() throws Exception {
    List<Socket> held = new ArrayList<>();
    try {
      for (int i = 0; i < MOST; i++) {
        Socket socket = new Socket("127.0.0.1", publicPort);
        held.add(socket);
        assertTrue(exchange(socket).startsWith("HTTP/1.1 200"));
      }
      assertThrows(IOException.class, () -> get(publicPort, "/q/health/live"));
      assertEquals("inside", get(operators.actualPort(), "/admin").body());
    } finally {
      for (Socket socket : held) {
        socket.close();
      }
    }
  }

  @Test
  void a_length_said_twice_is_refused_there_too() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", operators.actualPort())) {
      socket
          .getOutputStream()
          .write(
              "POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));
      assertTrue(answer(socket).startsWith("HTTP/1.1 400"));
    }
  }

  @Test
  void a_port_that_is_taken_is_told() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      assertThrows(
          CompletionException.class,
          () -> open(Map.of("tracker.operator.port", Integer.toString(taken.getLocalPort()))));
    }
  }

  private HttpResponse<String> get(int port, String path) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static String exchange(Socket socket) throws IOException {
    socket
        .getOutputStream()
        .write(
            "GET /q/health/live HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    return answer(socket);
  }

  private static String answer(Socket socket) throws IOException {
    socket.setSoTimeout(10_000);
    InputStream in = socket.getInputStream();
    byte[] bytes = new byte[1024];
    int length = in.read(bytes);
    return length < 0 ? "" : new String(bytes, 0, length, StandardCharsets.US_ASCII);
  }
}
