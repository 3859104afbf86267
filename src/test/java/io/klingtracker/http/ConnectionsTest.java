package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.vertx.http.HttpServerStart;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpVersion;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What guards the listening socket. */
class ConnectionsTest {

  private static final int MOST = 3;

  /** Whatever hangs ends by then. */
  private static final int PATIENCE_SECONDS = 10;

  private final Vertx vertx = Vertx.vertx();
  private int port;

  @BeforeEach
  void a_server_with_a_gate() throws Exception {
    HttpServerOptions options = new HttpServerOptions();
    port =
        vertx
            .createHttpServer(options)
            .requestHandler(
                request ->
                    request
                        .body()
                        .onSuccess(
                            body ->
                                request.response().end(request.version() + " " + body.length())))
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .get(PATIENCE_SECONDS, TimeUnit.SECONDS)
            .actualPort();
    Connections connections =
        new Connections(
            vertx,
            Settings.of(
                HttpConfig.class, Map.of("tracker.http.max-connections", Integer.toString(MOST))),
            new UntakenAnswers(new SimpleMeterRegistry(), Long.MAX_VALUE),
            new SimpleMeterRegistry());
    connections.onStart(new HttpServerStart(options)).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  @AfterEach
  void stop() {
    vertx.close();
  }

  @Test
  void both_versions_are_spoken() throws Exception {
    for (HttpClientOptions client :
        List.of(
            new HttpClientOptions(),
            new HttpClientOptions().setProtocolVersion(HttpVersion.HTTP_2),
            new HttpClientOptions()
                .setProtocolVersion(HttpVersion.HTTP_2)
                .setHttp2ClearTextUpgrade(false))) {
      HttpClient http = vertx.createHttpClient(client);
      String answer =
          http.request(HttpMethod.POST, port, "127.0.0.1", "/")
              // Where the answer comes, and not from here: it does not wait for who asks for its
              // body late.
              .compose(
                  request ->
                      request
                          .send(Buffer.buffer("x".repeat(20_000)))
                          .compose(HttpClientResponse::body))
              .toCompletionStage()
              .toCompletableFuture()
              .get(PATIENCE_SECONDS, TimeUnit.SECONDS)
              .toString();
      http.close();
      assertEquals(client.getProtocolVersion() + " 20000", answer);
    }
  }

  /** Before and behind the 101, within the body, and with the preface in one piece with its end. */
  @Test
  void an_upgrade_is_spoken_wherever_its_bytes_are_divided() throws Exception {
    String head =
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            + "HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 20000\r\n\r\n";
    String rest = "x".repeat(20_000) + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    byte[] noSettings = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    for (int early : List.of(0, 9_000, 20_007)) {
      try (Socket socket = new Socket("127.0.0.1", port)) {
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(PATIENCE_SECONDS * 1000);
        send(socket, head + rest.substring(0, early));
        String answer = readTo(socket, "HTTP/1.1 101");
        send(socket, rest.substring(early));
        socket.getOutputStream().write(noSettings);
        if (!answer.contains("HTTP_2 20000")) {
          readTo(socket, "HTTP_2 20000");
        }
      }
    }
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
  }

  private static String readTo(Socket socket, String end) throws IOException {
    StringBuilder text = new StringBuilder();
    byte[] part = new byte[4096];
    while (text.indexOf(end) < 0) {
      int length = socket.getInputStream().read(part);
      assertTrue(length > 0, "closed after " + text);
      text.append(new String(part, 0, length, StandardCharsets.ISO_8859_1));
    }
    return text.toString();
  }

  @Test
  void a_head_that_comes_in_pieces_is_read() throws Exception {
    for (String text :
        List.of(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
            "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")) {
      try (Socket socket = new Socket("127.0.0.1", port)) {
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(5000);
        OutputStream out = socket.getOutputStream();
        for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
          out.write(one);
          out.flush();
        }
        String answer = new String(socket.getInputStream().readNBytes(15), StandardCharsets.UTF_8);
        assertTrue(answer.startsWith("HTTP/1.1 200"), answer);
      }
    }
  }

  @Test
  void what_is_one_connection_too_many_is_closed() throws Exception {
    List<Socket> open = new ArrayList<>();
    try {
      for (int i = 0; i < MOST; i++) {
        Socket socket = new Socket("127.0.0.1", port);
        socket.setSoTimeout(5000);
        open.add(socket);
        socket
            .getOutputStream()
            .write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.UTF_8));
        assertEquals('H', socket.getInputStream().read());
      }
      try (Socket socket = new Socket("127.0.0.1", port)) {
        socket.setSoTimeout(5000);
        assertTrue(isClosed(socket));
      }
    } finally {
      for (Socket socket : open) {
        socket.close();
      }
    }
  }

  private static boolean isClosed(Socket socket) {
    try {
      return socket.getInputStream().read() < 0;
    } catch (java.net.SocketTimeoutException e) {
      return false;
    } catch (java.io.IOException e) {
      return true;
    }
  }
}
