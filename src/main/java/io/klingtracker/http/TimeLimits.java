package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import org.jboss.logging.Logger;

/**
 * Ends requests that take too long: whose body drips in, or whose answer does not begin or is not
 * taken. The connection is cut, since by then nobody can say what the other side has understood; of
 * HTTP/2 only the stream.
 */
@ApplicationScoped
class TimeLimits {

  private static final Logger LOG = Logger.getLogger(TimeLimits.class);

  /** A third of the time allowed after which a body must have come at the rate below. */
  private static final int FIRST_LOOK = 3;

  /** Bytes a second, on average; no connection that anybody would upload by is slower. */
  private static final long LEAST_RATE = 1024;

  private final Vertx vertx;
  private final long bodyTime;
  private final long answerTime;
  private final Refusals refusals;

  @Inject
  TimeLimits(Vertx vertx, HttpConfig config, Refusals refusals) {
    this.vertx = vertx;
    this.bodyTime = config.bodyTime().toMillis();
    this.answerTime = config.answerTime().toMillis();
    this.refusals = refusals;
  }

  void register(@Observes Filters filters) {
    filters.register(this::limit, FilterOrder.TIME);
  }

  void limit(RoutingContext call) {
    if (ReadContext.isSecondPass(call)) {
      call.next();
      return;
    }
    long answer = vertx.setTimer(answerTime, timer -> endAnswer(call));
    BodyClock body = Refusals.mayHaveBody(call.request()) ? new BodyClock(call) : null;
    call.addEndHandler(
        end -> {
          vertx.cancelTimer(answer);
          if (body != null) {
            body.stop();
          }
        });
    call.next();
  }

  private void endAnswer(RoutingContext call) {
    Place place = Place.of(call);
    if (!call.response().ended() && (place == null || !place.waits())) {
      cut(call, "no answer in time", "answer-time");
    } else if (!call.response().headWritten()) {
      cut(call, "the wait did not end in time", "answer-time");
    }
  }

  /** Looks at a body twice: whether it comes at any rate, and whether it is there. */
  private final class BodyClock {

    private final RoutingContext call;
    private long timer;

    BodyClock(RoutingContext call) {
      this.call = call;
      long first = Math.max(1, bodyTime / FIRST_LOOK);
      this.timer = vertx.setTimer(first, late -> look(first));
    }

    void stop() {
      vertx.cancelTimer(timer);
    }

    private void look(long passed) {
      HttpServerRequest request = call.request();
      if (request.isEnded() || Bodies.isWhole(call) || call.response().ended()) {
        return;
      }
      if (passed < bodyTime && request.bytesRead() >= passed * LEAST_RATE / 1000) {
        timer = vertx.setTimer(bodyTime - passed, late -> look(bodyTime));
      } else if (call.response().headWritten()) {
        cut(call, "the body did not arrive in time", "body-time");
      } else {
        refusals.refuseAndClose(
            call,
            new ProblemException(
                ErrorCode.REQUEST_TIMEOUT,
                "the body did not arrive in time; send it within "
                    + Math.max(1, bodyTime / 1000)
                    + " s"),
            "body-time");
      }
    }
  }

  private void cut(RoutingContext call, String why, String bound) {
    LOG.debugf("%s: %s", call.request().method(), why);
    refusals.count(Front.of(call.request().path()), bound);
    if (call.request().version() == HttpVersion.HTTP_2) {
      call.response().reset();
    } else {
      call.request().connection().close();
    }
  }
}
