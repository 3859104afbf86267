package io.klingtracker.custody;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** Kling's files, behind a server that behaves as it is told, until it is told otherwise. */
final class MediaServer implements AutoCloseable {

  /** What it does with every request. */
  enum Way {
    /** A file, whole. */
    WELL,
    /** Half of a file, then the connection breaks. */
    CUT,
    /** Half of a file, chunked, then the connection breaks. */
    CUT_CHUNKED,
    /** A file that is shorter than it says; the connection ends in order. */
    SHORT,
    /** The first bytes, then nothing. */
    SILENT,
    /** No bytes at all. */
    EMPTY,
    /** More bytes than anybody wants, of a length that it does not say. */
    ENDLESS,
    /** The link is no good. */
    FORBIDDEN,
    /** A gateway's page. */
    PAGE,
    /** Another place. */
    ELSEWHERE
  }

  static final byte[] FILE = file();

  private final Vertx vertx;
  private final HttpServer server;
  private final List<String> requests = new CopyOnWriteArrayList<>();
  volatile Way way = Way.WELL;

  /** A path that is {@link Way#FORBIDDEN} whatever the others are. */
  volatile String forbidden = "";

  MediaServer(Vertx vertx) {
    this.vertx = vertx;
    this.server = vertx.createHttpServer().requestHandler(this::serve);
    try {
      server
          .listen(0, "127.0.0.1")
          .toCompletionStage()
          .toCompletableFuture()
          .get(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] file() {
    try (InputStream in =
        MediaServer.class.getResourceAsStream("/io/klingtracker/simulator/result.mp4")) {
      return Objects.requireNonNull(in).readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String url(String path) {
    return "http://127.0.0.1:" + server.actualPort() + path;
  }

  /** Paths that were asked for. */
  List<String> requests() {
    return requests;
  }

  private void serve(HttpServerRequest request) {
    requests.add(request.path());
    HttpServerResponse response = request.response();
    int half = FILE.length / 2;
    switch (request.path().equals(forbidden) ? Way.FORBIDDEN : way) {
      case WELL -> response.putHeader("Content-Type", "text/plain").end(Buffer.buffer(FILE));
      case CUT -> {
        response.putHeader("Content-Length", Integer.toString(FILE.length));
        response
            .write(Buffer.buffer().appendBytes(FILE, 0, half))
            .onComplete(done -> request.connection().close());
      }
      case CUT_CHUNKED -> {
        response.setChunked(true);
        response
            .write(Buffer.buffer().appendBytes(FILE, 0, half))
            .onComplete(done -> request.connection().close());
      }
      case SHORT -> {
        response.putHeader("Content-Length", Integer.toString(FILE.length + 10));
        response.write(Buffer.buffer(FILE)).onComplete(done -> request.connection().close());
      }
      case SILENT -> {
        response.putHeader("Content-Length", Integer.toString(FILE.length));
        response.write(Buffer.buffer().appendBytes(FILE, 0, half));
      }
      case EMPTY -> response.end();
      case ENDLESS -> {
        response.setChunked(true);
        response.write(Buffer.buffer(FILE));
        pour(response);
      }
      case FORBIDDEN -> response.setStatusCode(403).end("denied");
      case PAGE -> response.putHeader("Content-Type", "video/mp4").end("<html>try later</html>");
      case ELSEWHERE -> response.setStatusCode(302).putHeader("Location", url("/other")).end();
    }
  }

  private void pour(HttpServerResponse response) {
    response
        .write(Buffer.buffer(new byte[64 * 1024]))
        .onSuccess(done -> vertx.runOnContext(again -> pour(response)));
  }

  @Override
  public void close() {
    server.close();
  }
}
