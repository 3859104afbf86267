package io.klingtracker.api;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.impl.RoutingContextInternal;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.UUID;

/**
 * Bodies by their announced length. Those that are too large are refused before a byte of them is
 * read, in Kling's shape where Kling's clients call; small ones are read before a thread is taken
 * for the request. What does not say how long it is, is counted while it is read.
 */
@Singleton
class BodyLimit {

  private static final int FIRST = 1000;

  private static final String KLING =
      """
      {"code":1201,"message":"The request body is larger than %d bytes.","request_id":"%s"}""";

  private static final String PROBLEM =
      """
      {"type":"urn:kling-task-tracker:problem:body-too-large","title":"body too large","status":413,\
      "detail":"the request body is larger than %d bytes","code":"body-too-large","instance":"urn:uuid:%s"}""";

  private final ApiConfig config;

  @Inject
  BodyLimit(ApiConfig config) {
    this.config = config;
  }

  void register(@Observes Filters filters) {
    filters.register(this::check, FIRST);
  }

  private void check(RoutingContext call) {
    String path = call.request().path();
    if (path.startsWith("/callbacks/")) {
      call.next();
      return;
    }
    boolean kling = path.startsWith("/kling/");
    int most = kling ? Math.max(config.maxBody(), config.maxMediaBody()) : config.maxBody();
    long length = length(call);
    // A stream of HTTP/2 that was read to its end cannot be handed on.
    boolean readable = call.request().version() != HttpVersion.HTTP_2;
    if (readable && length > 0 && length <= Math.min(config.earlyBody(), most)) {
      readEarly(call, (int) length);
    } else if (length <= most) {
      call.next();
    } else {
      refuse(call, kling, most);
    }
  }

  /** The request goes on when the body is there: a worker thread need not wait for it. */
  private static void readEarly(RoutingContext call, int length) {
    HttpServerRequest request = call.request();
    if ("100-continue".equalsIgnoreCase(request.getHeader(HttpHeaders.EXPECT))) {
      request.response().writeContinue();
    }
    Buffer body = Buffer.buffer(length);
    request.handler(body::appendBuffer);
    request.endHandler(
        end -> {
          ((RoutingContextInternal) call).setBody(body);
          call.next();
        });
    request.resume();
  }

  private static void refuse(RoutingContext call, boolean kling, int most) {
    String body = (kling ? KLING : PROBLEM).formatted(most, UUID.randomUUID());
    // The rest of the body is on its way; there is no reading past it.
    call.response()
        .setStatusCode(413)
        .putHeader(
            HttpHeaders.CONTENT_TYPE, kling ? "application/json" : "application/problem+json")
        .putHeader(HttpHeaders.CONNECTION, "close")
        .end(body)
        .onComplete(sent -> call.request().connection().close());
  }

  private static long length(RoutingContext call) {
    String header = call.request().getHeader(HttpHeaders.CONTENT_LENGTH);
    try {
      return header == null ? 0 : Long.parseLong(header);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
