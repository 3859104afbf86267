package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Defers requests that come faster than they can be answered, before anything is read or looked up
 * for them: whoever is let in is then answered soon, and memory stays bounded. Callbacks,
 * submissions and reads are counted apart, so that a flood of one does not shut out the others. By
 * path and method alone: no header, nor parameter, lets one pass uncounted; a request that begins
 * to wait gives its place back ({@link WaitingRequest}). Health and administration are always let
 * in. What could be read as two requests, or as one for another path, is refused.
 */
@ApplicationScoped
class Admission {

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Refusals refusals;
  private final Gate callbacks;
  private final Gate submissions;
  private final Gate reads;

  /** So many at a time. */
  private record Gate(String what, int most, AtomicInteger inside) {

    Gate(String what, int most) {
      this(what, most, new AtomicInteger());
    }

    boolean enter() {
      if (inside.incrementAndGet() <= most) {
        return true;
      }
      inside.decrementAndGet();
      return false;
    }

    void leave() {
      inside.decrementAndGet();
    }
  }

  @Inject
  Admission(HttpConfig config, Refusals refusals) {
    this.refusals = refusals;
    this.callbacks = new Gate("callbacks", config.maxCallbacks());
    this.submissions = new Gate("submissions", config.maxSubmissions());
    this.reads = new Gate("reads", config.maxReads());
  }

  void register(@Observes Filters filters) {
    filters.register(this::admit, FilterOrder.BOUNDS);
  }

  void admit(RoutingContext call) {
    if (ReadContext.isSecondPass(call)) {
      call.next();
      return;
    }
    HttpServerRequest request = call.request();
    String path = request.path();
    if (!isFramedOnce(request)) {
      refusals.refuseAndClose(
          call,
          invalid("the body's length must be said once, by Content-Length or by chunks"),
          "framing");
      return;
    }
    if (!Front.isPlain(path) && !Front.isCallbackOfDoubledSlash(path)) {
      refusals.refuse(
          call,
          invalid("the path must be written plainly, without //, dots as segments, ; or \\"),
          "path");
      return;
    }
    Front front = Front.of(path);
    if (front == Front.CALLBACK) {
      if (callbacks.enter()) {
        call.addEndHandler(end -> callbacks.leave());
        call.next();
      } else {
        defer(call, callbacks);
      }
      return;
    }
    if (front != Front.KLING && front != Front.NATIVE && front != Front.CONSOLE) {
      call.next();
      return;
    }
    boolean read = request.method() == HttpMethod.GET || request.method() == HttpMethod.HEAD;
    Gate gate = read ? reads : submissions;
    if (gate.enter()) {
      Place.give(call, read, gate::leave);
      call.next();
    } else {
      defer(call, gate);
    }
  }

  private void defer(RoutingContext call, Gate gate) {
    refusals.refuse(
        call,
        new ProblemException(
            ErrorCode.UNAVAILABLE, "too many " + gate.what + " at once; try again", RETRY),
        gate.what);
  }

  /** Whether everybody between the caller and us must agree where the body ends. */
  private static boolean isFramedOnce(HttpServerRequest request) {
    if (!request.headers().contains(HttpHeaders.TRANSFER_ENCODING)) {
      return request.headers().getAll(HttpHeaders.CONTENT_LENGTH).size() <= 1;
    }
    List<String> encodings = request.headers().getAll(HttpHeaders.TRANSFER_ENCODING);
    return request.version() == HttpVersion.HTTP_1_1
        && encodings.size() == 1
        && encodings.get(0).strip().equalsIgnoreCase("chunked")
        && !request.headers().contains(HttpHeaders.CONTENT_LENGTH);
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
