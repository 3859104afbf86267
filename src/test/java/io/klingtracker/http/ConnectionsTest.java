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
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpVersion;
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
            .get(10, TimeUnit.SECONDS)
            .actualPort();
    Connections connections =
        new Connections(
            vertx,
            Settings.of(
                HttpConfig.class, Map.of("tracker.http.max-connections", Integer.toString(MOST))),
            new UntakenAnswers(new SimpleMeterRegistry(), Long.MAX_VALUE),
            new SimpleMeterRegistry());
    connections.onStart(new HttpServerStart(options)).get(10, TimeUnit.SECONDS);
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
              .compose(request -> request.send(Buffer.buffer("x".repeat(20_000))))
              .compose(response -> response.body())
              .toCompletionStage()
              .toCompletableFuture()
              .get(10, TimeUnit.SECONDS)
              .toString();
      http.close();
      assertEquals(client.getProtocolVersion() + " 20000", answer);
    }
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
