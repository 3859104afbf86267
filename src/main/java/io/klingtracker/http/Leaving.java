package io.klingtracker.http;

import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

/**
 * Ends connections while a replica that was asked to stop still serves ({@code
 * quarkus.shutdown.delay}): each with its next answer, so that none is cut under a request later,
 * and a load balancer's connections go to other replicas.
 */
@ApplicationScoped
class Leaving {

  private volatile boolean leaving;

  void onStop(@Observes ShutdownDelayInitiatedEvent stop) {
    leaving = true;
  }

  void register(@Observes Filters filters) {
    filters.register(this::answer, FilterOrder.TIME);
  }

  void answer(RoutingContext call) {
    if (leaving && call.request().version() != HttpVersion.HTTP_2) {
      call.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
      call.addEndHandler(end -> call.request().connection().close());
    }
    call.next();
  }
}
