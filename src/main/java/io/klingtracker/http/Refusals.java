package io.klingtracker.http;

import io.klingtracker.database.Availability;
import io.klingtracker.database.SqlStates;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;

/**
 * Refuses requests before a resource sees them, and counts it. What is left of a refused body is
 * not read on: a little is dropped, so that its sender gets to see the answer, then the connection
 * is closed.
 */
@ApplicationScoped
public class Refusals {

  /** So much of a refused body is read and dropped, so that its sender sees the answer. */
  private static final long DRAIN = 2 << 20;

  /** What is left of a small body is waited for, and the connection continues. */
  private static final long LITTLE = 64 << 10;

  /** For so long; a connection that is closed while its peer still sends loses the answer. */
  private static final long DRAIN_MILLIS = 1000;

  private static final long NO_ERROR = 0;

  static final String METRIC = "tracker.http.refused";
  static final String DESCRIPTION = "What was refused before any resource, by front and bound";

  private static final Logger LOG = Logger.getLogger(Refusals.class);

  private final Vertx vertx;
  private final MeterRegistry meters;

  @Inject
  Refusals(Vertx vertx, MeterRegistry meters) {
    this.vertx = vertx;
    this.meters = meters;
  }

  /**
   * Answers with a problem in the shape of the path's front.
   *
   * @param bound which of our bounds it is, as a label of metrics
   */
  public void refuse(RoutingContext call, ProblemException problem, String bound) {
    HttpServerRequest request = call.request();
    Front front = Front.of(request.path());
    count(front, bound);
    LOG.debugf("%s: %s", problem.code().wireName(), problem.getMessage());
    ErrorBody body = ErrorBody.of(front, problem);
    if (request.isEnded() || !mayHaveBody(request)) {
      body.send(call.response());
    } else if (request.version() == HttpVersion.HTTP_2) {
      body.send(call.response());
      drain(request, true, () -> call.response().reset(NO_ERROR));
    } else {
      long left = announced(request) - request.bytesRead();
      boolean little = announced(request) >= 0 && left <= LITTLE;
      if (!little) {
        call.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
      }
      body.send(call.response());
      drain(request, little, () -> request.connection().close());
    }
  }

  /** Refuses what cannot be read as one request and nothing else: the connection ends with it. */
  void refuseAndClose(RoutingContext call, ProblemException problem, String bound) {
    Front front = Front.of(call.request().path());
    count(front, bound);
    boolean multiplexed = call.request().version() == HttpVersion.HTTP_2;
    if (!multiplexed) {
      call.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
    }
    ErrorBody.of(front, problem)
        .send(call.response())
        .onComplete(
            sent -> {
              if (multiplexed) {
                call.response().reset(NO_ERROR);
              } else {
                call.request().connection().close();
              }
            });
  }

  /**
   * What a caller receives about a failure that no resource could turn into an answer; what we did
   * not foresee is logged.
   */
  public static ProblemException foreseen(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof ProblemException problem) {
      return problem;
    }
    if (SqlStates.isDatabaseAway(cause)
        || SqlStates.isRolledBack(cause)
        || cause instanceof RejectedExecutionException) {
      return Availability.problem();
    }
    LOG.errorf(cause, "a request failed before its resource");
    return new ProblemException(ErrorCode.INTERNAL, "internal error; the log has it");
  }

  void count(Front front, String bound) {
    Counter.builder(METRIC)
        .description(DESCRIPTION)
        .tag("front", front.label())
        .tag("bound", bound)
        .register(meters)
        .increment();
  }

  /**
   * Drops what is left of a body, for a moment.
   *
   * @param keep whether the connection continues when it has come
   * @param hangUp ends what is sent on
   */
  private void drain(HttpServerRequest request, boolean keep, Runnable hangUp) {
    AtomicLong dropped = new AtomicLong();
    long timer = vertx.setTimer(DRAIN_MILLIS, late -> hangUp.run());
    request.handler(
        part -> {
          if (dropped.addAndGet(part.length()) > DRAIN) {
            vertx.cancelTimer(timer);
            hangUp.run();
          }
        });
    request.exceptionHandler(gone -> vertx.cancelTimer(timer));
    request.endHandler(
        end -> {
          vertx.cancelTimer(timer);
          if (!keep) {
            hangUp.run();
          }
        });
    request.resume();
  }

  /** Whether a request has a body, or, in HTTP/2, does not say that it has none. */
  static boolean mayHaveBody(HttpServerRequest request) {
    if (request.version() == HttpVersion.HTTP_2) {
      // Nobody reads what comes with a read; flow control bounds it.
      return request.method() != HttpMethod.GET && request.method() != HttpMethod.HEAD;
    }
    return announced(request) > 0 || request.headers().contains(HttpHeaders.TRANSFER_ENCODING);
  }

  /** The announced length of a body; -1 when there is none. */
  static long announced(HttpServerRequest request) {
    String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
    try {
      return length == null ? -1 : Long.parseLong(length);
    } catch (NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }
}
