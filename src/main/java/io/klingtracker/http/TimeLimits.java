package io.klingtracker.http;

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
 * Ends requests that take too long: whose body drips in, or whose answer does not begin. The
 * connection is cut, since by then nobody can say what the other side has understood.
 */
@ApplicationScoped
class TimeLimits {

  private static final Logger LOG = Logger.getLogger(TimeLimits.class);

  /** Before everything that reads the request. */
  private static final int EARLY = 900;

  private final Vertx vertx;
  private final long bodyTime;
  private final long answerTime;

  @Inject
  TimeLimits(Vertx vertx, HttpConfig config) {
    this.vertx = vertx;
    this.bodyTime = config.bodyTime().toMillis();
    this.answerTime = config.answerTime().toMillis();
  }

  void register(@Observes Filters filters) {
    filters.register(this::limit, EARLY);
  }

  void limit(RoutingContext context) {
    HttpServerRequest request = context.request();
    long answer =
        vertx.setTimer(
            answerTime,
            timer -> {
              if (!context.response().headWritten()) {
                cut(context, "no answer in time");
              }
            });
    long body =
        !hasBody(request)
            ? -1
            : vertx.setTimer(
                bodyTime,
                timer -> {
                  if (!request.isEnded() && !context.response().ended()) {
                    cut(context, "the body did not arrive in time");
                  }
                });
    context.addEndHandler(
        end -> {
          vertx.cancelTimer(answer);
          vertx.cancelTimer(body);
        });
    context.next();
  }

  /** A request without a body may not be seen to end until somebody reads it. */
  private static boolean hasBody(HttpServerRequest request) {
    String length = request.getHeader("Content-Length");
    return length != null ? !length.equals("0") : request.getHeader("Transfer-Encoding") != null;
  }

  private static void cut(RoutingContext context, String why) {
    LOG.debugf("%s: %s", context.request().method(), why);
    if (context.request().version() == HttpVersion.HTTP_2) {
      context.response().reset();
    } else {
      context.request().connection().close();
    }
  }
}
