package io.klingtracker.http;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Nothing is bought for a request before it has passed the gate; byte by byte, on loopback. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class BeforeTheGateTest {

  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final String MEDIA = "/kling/v1/videos/image2video";

  @TestHTTPResource URI uri;

  private final List<Socket> open = new ArrayList<>();

  @AfterEach
  void hang_up() throws IOException {
    for (Socket socket : open) {
      socket.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {CREATE, "/v1/tasks/batch", "/admin/v1/tenants", "/v1/nothing"})
  void without_a_key_the_answer_comes_before_the_body(String path) throws IOException {
    Socket socket = send(head("POST", path, "Content-Length: 60000"));

    String answer = answer(socket);

    assertTrue(answer.startsWith("HTTP/1.1 401"), answer);
    assertTrue(answer.contains(path.startsWith("/kling") ? "\"code\":1001" : "problem"), answer);
  }

  @Test
  void a_refused_body_is_not_read_on() throws IOException {
    Socket socket = send(head("POST", CREATE, "Content-Length: 30000000"));
    assertTrue(answer(socket).startsWith("HTTP/1.1 401"));
    assertTrue(isClosed(socket, 20_000_000), "all of it was read");
  }

  @Test
  void a_callback_with_a_wrong_token_is_refused_before_its_body() throws IOException {
    Socket socket = send(head("POST", "/callbacks/kling/task_x/wrong", "Content-Length: 60000"));

    assertTrue(answer(socket).startsWith("HTTP/1.1 401"));
  }

  @Test
  void chunks_are_counted_while_they_arrive() throws IOException {
    Socket socket = send(head("POST", "/v1/tasks/batch", key(), "Transfer-Encoding: chunked"));
    byte[] chunk = ("10000\r\n" + " ".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.UTF_8);
    try {
      for (int i = 0; i < 17; i++) {
        socket.getOutputStream().write(chunk);
      }
    } catch (SocketException e) {
      // It was refused before we were through.
    }

    String answer = answer(socket);

    assertTrue(answer.startsWith("HTTP/1.1 413"), answer);
    assertTrue(isClosed(socket, 30_000_000), "all of it was read");
  }

  @Test
  void senders_who_stop_half_way_hold_up_nobody() throws IOException {
    String key = key();
    for (int i = 0; i < 80; i++) {
      send(head("POST", MEDIA, key, "Content-Length: 70000") + "{\"image\":\"");
    }

    RestAssured.get("/q/health/ready").then().statusCode(200);
    TestTenant.create().caller().get("/v1/tasks").then().statusCode(200);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked\r\nContent-Length: 2",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: +2",
        "Content-Length: -2",
        "Content-Length: 2, 2",
      })
  void a_body_whose_end_is_said_twice_or_not_at_all_is_400_and_the_end(String framing)
      throws IOException {
    Socket socket = send(head("POST", CREATE, key(), framing) + "0\r\n\r\n");

    String answer = answer(socket);

    assertTrue(answer.startsWith("HTTP/1.1 400"), answer);
    assertTrue(isClosed(socket, 0), "still open");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "//v1/tasks",
        "/v1//tasks",
        "/v1/./tasks",
        "/q/../v1/tasks",
        "/v1/tasks;a=b",
        "/v1/%2e%2e/x"
      })
  void a_path_that_reads_in_two_ways_is_400(String path) throws IOException {
    assertTrue(answer(send(head("GET", path, key()))).startsWith("HTTP/1.1 400"));
  }

  @Test
  void http_2_goes_the_same_way() throws Exception {
    TestTenant tenant = TestTenant.create();
    HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri.resolve("/v1/tasks/batch"))
            .header("Content-Type", "application/json")
            .header("Authorization", "Bearer " + tenant.apiKey());
    // The first request of a connection is one of HTTP/1.1 that asks for more.
    http.send(
        HttpRequest.newBuilder(uri.resolve("/q/health/live")).build(),
        HttpResponse.BodyHandlers.ofString());

    HttpResponse<String> read =
        http.send(
            request.POST(HttpRequest.BodyPublishers.ofString("{\"ids\":[\"a\"]}")).build(),
            HttpResponse.BodyHandlers.ofString());
    HttpResponse<String> unannounced =
        http.send(
            request
                .POST(
                    HttpRequest.BodyPublishers.fromPublisher(
                        HttpRequest.BodyPublishers.ofString("{\"ids\":[\"a\"]}")))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    HttpResponse<String> tooLarge =
        http.send(
            request.POST(HttpRequest.BodyPublishers.ofString(" ".repeat(1_100_000))).build(),
            HttpResponse.BodyHandlers.ofString());

    assertEquals(HttpClient.Version.HTTP_2, read.version());
    assertEquals(200, read.statusCode(), read.body());
    assertEquals(1, read.headers().allValues("X-Frame-Options").size());
    assertEquals(200, unannounced.statusCode(), unannounced.body());
    assertEquals(413, tooLarge.statusCode());
  }

  @Test
  void streams_of_http_2_that_never_end_hold_up_nobody() throws Exception {
    Vertx vertx = Vertx.vertx();
    AtomicInteger begun = new AtomicInteger();
    CountDownLatch all = new CountDownLatch(50);
    try {
      io.vertx.core.http.HttpClient client =
          vertx.createHttpClient(
              new HttpClientOptions()
                  .setProtocolVersion(HttpVersion.HTTP_2)
                  .setHttp2ClearTextUpgrade(false),
              new PoolOptions().setHttp2MaxSize(1));
      for (int i = 0; i < 50; i++) {
        client
            .request(
                new RequestOptions()
                    .setMethod(HttpMethod.POST)
                    .setHost(uri.getHost())
                    .setPort(uri.getPort())
                    .setURI(CREATE)
                    .putHeader("Authorization", "Bearer " + TrackerStack.API_KEY))
            .onSuccess(
                request -> {
                  request.setChunked(true).write("{\"prompt\":\"");
                  begun.incrementAndGet();
                  all.countDown();
                });
      }
      assertTrue(all.await(10, TimeUnit.SECONDS), begun + " begun");

      RestAssured.get("/q/health/ready").then().statusCode(200);
      TestTenant.create().caller().get("/v1/tasks").then().statusCode(200);
    } finally {
      vertx.close();
    }
  }

  @Test
  void invented_methods_and_paths_are_no_series_of_their_own() throws IOException {
    answer(send(head("GET", "/v1/tasks", key())));
    for (int i = 0; i < 20; i++) {
      answer(send(head("INVENTED" + i, "/v1/tasks", "Connection: close")));
      answer(send(head("GET", "/junk" + i + "/x", "Connection: close")));
      answer(send(head("GET", "/v1/junk" + i, key(), "Connection: close")));
    }

    RestAssured.get("/q/metrics")
        .then()
        .statusCode(200)
        .body(not(containsString("INVENTED")))
        .body(not(containsString("junk")))
        .body(containsString("uri=\"/v1/tasks\""))
        .body(containsString("tracker_http_connections "))
        .body(containsString("tracker_http_refused_total"));
  }

  @Test
  void callers_who_hang_up_are_no_errors() throws Exception {
    List<String> errors = new CopyOnWriteArrayList<>();
    Handler listener = errorsInto(errors);
    Logger all = Logger.getLogger("");
    all.addHandler(listener);
    try {
      for (String path : new String[] {MEDIA, "/v1/tasks/batch"}) {
        Socket socket = send(head("POST", path, key(), "Content-Length: 100000") + "{\"a\":");
        socket.close();
        Socket chunked =
            send(head("POST", path, key(), "Transfer-Encoding: chunked") + "5\r\n{\"a\":");
        chunked.setSoLinger(true, 0);
        chunked.close();
      }
      for (int i = 0; i < 3; i++) {
        Socket reader = send(head("GET", "/v1/events/stream", key(), "Accept: text/event-stream"));
        assertTrue((char) reader.getInputStream().read() == 'H');
        reader.setSoLinger(true, 0);
        reader.close();
      }
      Socket stays = send(head("GET", "/v1/events/stream", key(), "Accept: text/event-stream"));
      readUntil(stays, "connected");
      String body = "{\"model_name\":\"kling-v2-5-turbo\",\"prompt\":\"a boat\"}";
      String stored =
          answer(send(head("POST", CREATE, key(), "Content-Length: " + body.length()) + body));
      assertTrue(stored.startsWith("HTTP/1.1 200"), stored);
      // Who stays has received it, so those who left were written to.
      readUntil(stays, "queued");
    } finally {
      all.removeHandler(listener);
    }
    assertEquals(List.of(), errors);
  }

  @Test
  void what_is_no_request_is_no_error() throws Exception {
    List<String> errors = new CopyOnWriteArrayList<>();
    Handler listener = errorsInto(errors);
    Logger all = Logger.getLogger("");
    all.addHandler(listener);
    try {
      for (String request :
          new String[] {
            "GET /v1/tasks HTTP/1.1\r\n" + key() + "\r\n\r\n",
            "GET ? HTTP/1.1\r\nHost: localhost\r\n\r\n"
          }) {
        String answer = answer(send(request));
        assertTrue(answer.startsWith("HTTP/1.1 400"), request + answer);
        assertTrue(answer.contains("application/problem+json"), answer);
        assertFalse(answer.contains("stack"), answer);
      }
      Socket garbage = send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "garbage ".repeat(20));
      garbage.getInputStream().readAllBytes();
    } finally {
      all.removeHandler(listener);
    }
    assertEquals(List.of(), errors);
  }

  private static Handler errorsInto(List<String> errors) {
    return new Handler() {
      @Override
      public void publish(LogRecord line) {
        if (line.getLevel().intValue() >= Level.SEVERE.intValue()) {
          errors.add(line.getLoggerName() + " " + line.getMessage());
        }
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
  }

  private static String key() {
    return "Authorization: Bearer " + TrackerStack.API_KEY;
  }

  private Socket send(String text) throws IOException {
    Socket socket = new Socket(uri.getHost(), uri.getPort());
    socket.setSoTimeout(60_000);
    open.add(socket);
    OutputStream out = socket.getOutputStream();
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
    return socket;
  }

  private static String head(String method, String path, String... headers) {
    return method
        + " "
        + path
        + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + String.join("\r\n", headers)
        + "\r\n\r\n";
  }

  /** One answer: its head, and as much body as it says. */
  private static String answer(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(StandardCharsets.UTF_8).endsWith("\r\n\r\n")) {
      int next = in.read();
      assertTrue(next >= 0, "hung up after " + head);
      head.write(next);
    }
    String text = head.toString(StandardCharsets.UTF_8);
    int length = 0;
    for (String line : text.split("\r\n")) {
      if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
        length = Integer.parseInt(line.substring(15).strip());
      }
    }
    return text + new String(in.readNBytes(length), StandardCharsets.UTF_8);
  }

  private static void readUntil(Socket socket, String word) throws IOException {
    StringBuilder seen = new StringBuilder();
    while (seen.indexOf(word) < 0) {
      int next = socket.getInputStream().read();
      assertTrue(next >= 0, "hung up after " + seen);
      seen.append((char) next);
    }
  }

  /** Whether the other side has closed, at the latest when so many bytes more were sent. */
  private static boolean isClosed(Socket socket, int most) throws IOException {
    byte[] part = new byte[100_000];
    try {
      for (int sent = 0; sent < most; sent += part.length) {
        socket.getOutputStream().write(part);
      }
      // What lies behind it may be answered too, but then it ends.
      socket.getInputStream().readAllBytes();
      return most == 0;
    } catch (SocketException e) {
      return true;
    }
  }
}
