package io.klingtracker.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The address is of a range for documentation; nothing is sent there all the same. */
class LoopbackOnlyTest {

  private static final String OUTSIDE = "192.0.2.1";

  @AfterEach
  void forget() {
    NothingOutside.taken();
  }

  @Test
  void a_blocking_socket_is_stopped() throws Exception {
    try (Socket socket = new Socket()) {
      stopped(() -> socket.connect(new InetSocketAddress(OUTSIDE, 80), 9_000));
    }
  }

  @Test
  void a_channel_is_stopped() throws Exception {
    try (SocketChannel channel = SocketChannel.open()) {
      stopped(() -> channel.connect(new InetSocketAddress(OUTSIDE, 80)));
    }
  }

  @Test
  void the_jdk_s_http_client_is_stopped() {
    HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + OUTSIDE)).build();
    stopped(() -> HttpClient.newHttpClient().send(request, BodyHandlers.discarding()));
  }

  @Test
  void a_client_of_vertx_is_stopped() {
    Vertx vertx = Vertx.vertx();
    try {
      stopped(
          () -> {
            try {
              vertx
                  .createNetClient()
                  .connect(80, OUTSIDE)
                  .toCompletionStage()
                  .toCompletableFuture()
                  .get(30, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
              throw e.getCause();
            }
          });
    } finally {
      vertx.close();
    }
  }

  @Test
  void a_datagram_is_stopped() throws Exception {
    try (DatagramSocket socket = new DatagramSocket()) {
      InetAddress outside = InetAddress.getByName(OUTSIDE);
      stopped(() -> socket.send(new DatagramPacket(new byte[1], 1, outside, 80)));
    }
  }

  @Test
  void loopback_stays_open() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        Socket socket = new Socket("127.0.0.1", server.getLocalPort())) {
      assertTrue(socket.isConnected());
    }
    assertNull(NothingOutside.taken());
  }

  private static void stopped(Executable connects) {
    ConnectException stopped = assertThrows(ConnectException.class, connects);

    assertTrue(stopped.getMessage().contains(OUTSIDE + ":80"), stopped.getMessage());
    // The test fails too, whatever became of the exception.
    AssertionError failure = assertThrows(AssertionError.class, NothingOutside::check);
    assertEquals(
        "this test, or one before it, connects outside loopback: " + OUTSIDE + ":80",
        failure.getMessage());
  }
}
