package io.klingtracker.http;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;

/**
 * Every path that needs a key takes JSON and answers in one form, so that nothing depends on what a
 * client says of media types: its body is JSON or it is not, and its reader gets what there is.
 * Clients send {@code Content-Type} doubled, misspelt or not at all, and {@code Accept:
 * text/plain}.
 */
@ApplicationScoped
class MediaTypes {

  private static final String JSON = "application/json";

  @Inject
  MediaTypes() {}

  void register(@Observes Filters filters) {
    filters.register(MediaTypes::settle, FilterOrder.MEDIA);
  }

  private static void settle(RoutingContext call) {
    if (Front.of(call.request().path()).needsKey() && !ReadContext.isSecondPass(call)) {
      call.request().headers().remove(HttpHeaders.ACCEPT);
      if (Refusals.mayHaveBody(call.request())) {
        call.request().headers().set(HttpHeaders.CONTENT_TYPE, JSON);
      } else {
        call.request().headers().remove(HttpHeaders.CONTENT_TYPE);
      }
    }
    call.next();
  }
}
