package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Puts requests off that come faster than they can be answered, before anything is read or looked
 * up for them: whoever is let in is then answered soon, and memory stays bounded. Callbacks,
 * submissions and reads are counted apart, so that a flood of one does not shut out the others.
 * Health and administration are always let in; waits and streams hold no thread and have bounds of
 * their own.
 */
@ApplicationScoped
class Admission {

  /** Before everything that costs something. */
  private static final int FIRST = 950;

  private static final Duration RETRY = Duration.ofSeconds(1);

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
  Admission(HttpConfig config) {
    this.callbacks = new Gate("callbacks", config.maxCallbacks());
    this.submissions = new Gate("submissions", config.maxSubmissions());
    this.reads = new Gate("reads", config.maxReads());
  }

  void register(@Observes Filters filters) {
    filters.register(this::admit, FIRST);
  }

  void admit(RoutingContext context) {
    HttpServerRequest request = context.request();
    Front front = Front.of(request.path());
    boolean callback = front == Front.CALLBACK;
    if (!callback && front != Front.KLING && front != Front.NATIVE || waits(request)) {
      context.next();
      return;
    }
    Gate gate =
        callback ? callbacks : request.method().equals(HttpMethod.GET) ? reads : submissions;
    if (gate.enter()) {
      context.addEndHandler(end -> gate.leave());
      context.next();
    } else {
      putOff(context, gate, front);
    }
  }

  private static boolean waits(HttpServerRequest request) {
    String query = request.query();
    String prefer = request.getHeader("Prefer");
    String accept = request.getHeader("Accept");
    return query != null && query.contains("wait=")
        || prefer != null && prefer.contains("wait")
        || accept != null && accept.contains("text/event-stream")
        || request.path().endsWith("/stream")
        || request.path().startsWith("/v1/tasks/") && request.path().endsWith("/events");
  }

  private static void putOff(RoutingContext context, Gate gate, Front front) {
    ErrorBody.of(
            front,
            new ProblemException(
                ErrorCode.UNAVAILABLE, "too many " + gate.what + " at once; try again", RETRY))
        .send(context.response());
    // What is left of the body is dropped as it comes; the connection goes on.
    context.request().resume();
  }
}
