package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Requests that take too long are cut off, byte by byte on a connection of the test's own. */
class TimeLimitsTest {

  private static final Duration LIMIT = Duration.ofMillis(300);

  private static Vertx vertx;
  private static int port;

  /** Of a server with time, which a slow machine does not use up. */
  private static int patient;

  @BeforeAll
  static void a_server_with_short_limits() throws Exception {
    vertx = Vertx.vertx();
    port = server("300ms");
    patient = server("60s");
  }

  private static int server(String time) throws Exception {
    HttpParts http =
        new HttpParts(
            vertx, Map.of("tracker.http.body-time", time, "tracker.http.answer-time", time));
    Router router = Router.router(vertx);
    router.route().handler(http.times::limit);
    router
        .route("/upload")
        .handler(call -> call.request().body().onSuccess(body -> call.end("got " + body)));
    router.route("/silent").handler(call -> {});
    return http.listen(router);
  }

  @AfterAll
  static void stop() {
    vertx.close();
  }

  @Test
  void a_body_that_drips_in_is_cut_off_however_steadily() throws Exception {
    long begun = System.nanoTime();
    byte[] drip = new byte[200];
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.setSoTimeout(60_000);
      OutputStream out = socket.getOutputStream();
      out.write(head("POST", "/upload", "Content-Length: 100000"));
      boolean cut = false;
      for (int i = 0; i < 200 && !cut; i++) {
        try {
          out.write(drip);
          out.flush();
          TimeUnit.MILLISECONDS.sleep(20); // the drip
        } catch (SocketException e) {
          cut = true;
        }
      }
      assertTrue(cut || ended(socket), "still open");
    }
    assertTook(begun);
  }

  @Test
  void a_body_slower_than_any_line_is_answered_408_before_its_time_is_over() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.setSoTimeout(60_000);
      socket.getOutputStream().write(head("POST", "/upload", "Content-Length: 65536"));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.startsWith("HTTP/1.1 408"), answer);
    }
  }

  @Test
  void a_request_without_an_answer_in_time_is_cut_off() throws Exception {
    long begun = System.nanoTime();
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.setSoTimeout(60_000);
      socket.getOutputStream().write(head("GET", "/silent", "Accept: */*"));
      assertTrue(ended(socket), "still open");
    }
    assertTook(begun);
  }

  @Test
  void a_request_in_time_is_answered() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", patient)) {
      socket.setSoTimeout(60_000);
      OutputStream out = socket.getOutputStream();
      out.write(head("POST", "/upload", "Content-Length: 2\r\nConnection: close"));
      out.write("ok".getBytes(StandardCharsets.UTF_8));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.startsWith("HTTP/1.1 200") && answer.endsWith("got ok"), answer);
    }
  }

  /** As Quarkus does with a request once its body was read, while a thread works on it. */
  @Test
  void a_body_that_is_there_is_not_late_however_long_its_answer_takes() throws Exception {
    HttpParts http =
        new HttpParts(
            vertx, Map.of("tracker.http.body-time", "900ms", "tracker.http.answer-time", "60s"));
    Router router = http.router();
    router
        .route("/v1/slow")
        .handler(
            call -> {
              call.request().pause();
              vertx.setTimer(600, later -> call.end("got " + call.body().asString()));
            });
    try (Socket socket = new Socket("127.0.0.1", http.listen(router))) {
      socket.setSoTimeout(60_000);
      byte[] head = head("POST", "/v1/slow", "Content-Length: 2\r\nConnection: close");
      ByteArrayOutputStream request = new ByteArrayOutputStream();
      request.writeBytes(head);
      request.writeBytes("ok".getBytes(StandardCharsets.UTF_8));
      socket.getOutputStream().write(request.toByteArray());
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.startsWith("HTTP/1.1 200") && answer.endsWith("got ok"), answer);
    }
  }

  private static byte[] head(String method, String path, String headers) {
    return "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n"
        .formatted(method, path, headers)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static boolean ended(Socket socket) throws IOException {
    try {
      // What was answered before, if anything, and then the end.
      socket.getInputStream().readAllBytes();
      return true;
    } catch (SocketException e) {
      return true;
    }
  }

  private static void assertTook(long begun) {
    Duration took = Duration.ofNanos(System.nanoTime() - begun);
    assertTrue(took.compareTo(LIMIT.minusMillis(50)) > 0, "after " + took);
  }
}
