package io.klingtracker.api;

import io.klingtracker.http.ErrorBody;
import io.klingtracker.http.Front;
import io.klingtracker.rules.Body;
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

/**
 * Bodies by their announced length. Those that are too large are refused before a byte of them is
 * read, in Kling's shape where Kling's clients call; small ones are read before a thread is taken
 * for the request. What does not say how long it is, is counted while it is read.
 */
@Singleton
class BodyLimit {

  private static final int FIRST = 1000;

  private final ApiConfig config;

  @Inject
  BodyLimit(ApiConfig config) {
    this.config = config;
  }

  void register(@Observes Filters filters) {
    filters.register(this::check, FIRST);
  }

  private void check(RoutingContext call) {
    Front front = Front.of(call.request().path());
    if (front == Front.CALLBACK) {
      call.next();
      return;
    }
    int most =
        front == Front.KLING ? Math.max(config.maxBody(), config.maxMediaBody()) : config.maxBody();
    long length = length(call);
    // A stream of HTTP/2 that was read to its end cannot be handed on.
    boolean readable = call.request().version() != HttpVersion.HTTP_2;
    if (readable && length > 0 && length <= Math.min(config.earlyBody(), most)) {
      readEarly(call, (int) length);
    } else if (length <= most) {
      call.next();
    } else {
      refuse(call, front, most);
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

  private static void refuse(RoutingContext call, Front front, int most) {
    // The rest of the body is on its way; there is no reading past it.
    call.response().putHeader(HttpHeaders.CONNECTION, "close");
    ErrorBody.of(front, Body.tooLarge(most))
        .send(call.response())
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
