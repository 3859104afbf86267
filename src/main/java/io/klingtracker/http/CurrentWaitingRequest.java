package io.klingtracker.http;

import io.quarkus.arc.Arc;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

/** Finds the place of the request under way. */
@Singleton
class CurrentWaitingRequest implements WaitingRequest {

  private final CurrentVertxRequest current;

  @Inject
  CurrentWaitingRequest(CurrentVertxRequest current) {
    this.current = current;
  }

  @Override
  public void begin() {
    if (!Arc.container().requestContext().isActive()) {
      return;
    }
    RoutingContext call = current.getCurrent();
    Place place = call == null ? null : Place.of(call);
    if (place != null) {
      place.beginToWait();
    }
  }
}
