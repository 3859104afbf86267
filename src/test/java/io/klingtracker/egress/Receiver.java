package io.klingtracker.egress;

import io.netty.channel.ChannelOption;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.PfxOptions;
import io.vertx.core.net.impl.NetSocketInternal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A receiver that behaves as its path says, byte by byte, so that it can also misbehave. */
public final class Receiver implements AutoCloseable {

  private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  private final NetServer server;
  private final Vertx vertx;
  private final AtomicInteger connections = new AtomicInteger();
  private final List<String> requests = new CopyOnWriteArrayList<>();

  private Receiver(Vertx vertx, NetServer server) {
    this.vertx = vertx;
    this.server = server;
  }

  /** One that speaks plain HTTP. */
  public static Receiver start(Vertx vertx) {
    return start(vertx, new NetServerOptions());
  }

  /** One that speaks TLS with the given PKCS #12 store, whose password is {@code changeit}. */
  public static Receiver startTls(Vertx vertx, Path store) {
    return start(
        vertx,
        new NetServerOptions()
            .setSsl(true)
            .setKeyCertOptions(new PfxOptions().setPath(store.toString()).setPassword("changeit")));
  }

  private static Receiver start(Vertx vertx, NetServerOptions options) {
    NetServer server = vertx.createNetServer(options.setHost("127.0.0.1").setPort(0));
    Receiver receiver = new Receiver(vertx, server);
    server.connectHandler(receiver::accept);
    try {
      server.listen().toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
    return receiver;
  }

  /** Where it listens. */
  public int port() {
    return server.actualPort();
  }

  /** The URL of one of its paths. */
  public String url(String path) {
    return "http://127.0.0.1:" + port() + path;
  }

  /** Connections taken so far. */
  public int connections() {
    return connections.get();
  }

  /** Requests read so far, head and body as they came. */
  public List<String> requests() {
    return requests;
  }

  private void accept(NetSocket socket) {
    connections.incrementAndGet();
    socket.exceptionHandler(e -> {});
    Buffer read = Buffer.buffer();
    socket.handler(
        chunk -> {
          read.appendBuffer(chunk);
          String text = read.toString(StandardCharsets.UTF_8);
          int head = text.indexOf("\r\n\r\n");
          if (head >= 0 && text.length() >= head + 4 && whole(text, head, read.length())) {
            requests.add(text);
            // A kept connection may carry the next request.
            socket.handler(null);
            answer(socket, text);
          }
        });
  }

  private static boolean whole(String text, int head, int bytes) {
    java.util.regex.Matcher length =
        java.util.regex.Pattern.compile("(?i)content-length: *([0-9]+)").matcher(text);
    int body = length.find() ? Integer.parseInt(length.group(1)) : 0;
    int headBytes = text.substring(0, head + 4).getBytes(StandardCharsets.UTF_8).length;
    return bytes >= headBytes + body;
  }

  private void answer(NetSocket socket, String request) {
    String path = request.split(" ", 3)[1];
    switch (path) {
      case "/slow-headers" -> {}
      case "/slow-body" -> {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        vertx.setPeriodic(50, id -> drip(socket, id));
      }
      case "/endless" -> {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        pour(socket);
      }
      case "/endless-headers" -> {
        socket.write("HTTP/1.1 200 OK\r\n");
        pourHeaders(socket);
      }
      case "/reset" -> {
        ((NetSocketInternal) socket)
            .channelHandlerContext()
            .channel()
            .config()
            .setOption(ChannelOption.SO_LINGER, 0);
        socket.close();
      }
      case "/close" -> socket.close();
      case "/short" ->
          socket.end(Buffer.buffer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok"));
      case "/garbage" -> socket.end(Buffer.buffer("220 mail.example ESMTP ready\r\n\r\n"));
      case "/html" ->
          socket.end(
              Buffer.buffer(
                  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"));
      case "/429" ->
          socket.end(
              Buffer.buffer(
                  "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"));
      case "/204" -> socket.end(Buffer.buffer("HTTP/1.1 204 No Content\r\n\r\n"));
      case "/301" ->
          socket.end(
              Buffer.buffer(
                  "HTTP/1.1 301 Moved\r\nLocation: "
                      + url("/200")
                      + "\r\nContent-Length: 0\r\n\r\n"));
      default -> socket.end(Buffer.buffer(status(path)));
    }
  }

  private static String status(String path) {
    @Nullable String code = path.matches("/[1-5][0-9]{2}") ? path.substring(1) : null;
    return code == null || code.equals("200")
        ? OK
        : "HTTP/1.1 " + code + " So\r\nContent-Length: 4\r\n\r\nnope";
  }

  private void drip(NetSocket socket, long timer) {
    socket.write(".").onFailure(e -> vertx.cancelTimer(timer));
  }

  private void pour(NetSocket socket) {
    String chunk = "400\r\n" + "x".repeat(1024) + "\r\n";
    socket.write(chunk).onSuccess(done -> vertx.setTimer(1, id -> pour(socket)));
  }

  private void pourHeaders(NetSocket socket) {
    socket
        .write("X-More: " + "x".repeat(1000) + "\r\n")
        .onSuccess(done -> vertx.setTimer(1, id -> pourHeaders(socket)));
  }

  @Override
  public void close() {
    server.close();
  }
}
