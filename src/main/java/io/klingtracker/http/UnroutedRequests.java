package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.vertx.core.VertxException;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.UUID;
import org.jboss.logging.Logger;

/**
 * Answers what the router refuses before any filter sees it: requests without a host or a path.
 * Quarkus would log them as errors, and answer in its own shape. What fails behind the router, and
 * may be our fault, stays Quarkus' to log.
 */
@Singleton
class UnroutedRequests {

  private static final Logger LOG = Logger.getLogger(UnroutedRequests.class);

  void register(@Observes Router router) {
    router.route().order(Integer.MIN_VALUE).failureHandler(UnroutedRequests::refuse);
  }

  private static void refuse(RoutingContext call) {
    if (call.statusCode() != ErrorCode.INVALID_REQUEST.httpStatus()
        || !(call.failure() instanceof VertxException)) {
      call.next();
      return;
    }
    LOG.debugf("a request that no route takes: %s", call.failure().getMessage());
    ErrorBody.of(
            Front.of(call.request().path()),
            ErrorCode.INVALID_REQUEST,
            "the request needs a Host and a path that begins with /",
            null,
            UUID.randomUUID())
        .send(call.response());
  }
}
