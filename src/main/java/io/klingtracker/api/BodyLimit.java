package io.klingtracker.api;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.UUID;

/**
 * Refuses bodies that say beforehand how much too large they are, before a byte of them is read and
 * in Kling's shape where Kling's clients call. What does not say is counted while it is read.
 */
@Singleton
class BodyLimit {

  private static final int FIRST = 1000;

  private static final String KLING =
      """
      {"code":1201,"message":"The request body is larger than %d bytes.","request_id":"%s"}""";

  private static final String PROBLEM =
      """
      {"type":"urn:kling-task-tracker:problem:body-too-large","title":"body too large","status":413,\
      "detail":"the request body is larger than %d bytes","code":"body-too-large","instance":"urn:uuid:%s"}""";

  private final ApiConfig config;

  @Inject
  BodyLimit(ApiConfig config) {
    this.config = config;
  }

  void register(@Observes Filters filters) {
    filters.register(this::check, FIRST);
  }

  private void check(RoutingContext call) {
    boolean kling = call.request().path().startsWith("/kling/");
    int most = kling ? Math.max(config.maxBody(), config.maxMediaBody()) : config.maxBody();
    if (length(call) <= most) {
      call.next();
      return;
    }
    String body = (kling ? KLING : PROBLEM).formatted(most, UUID.randomUUID());
    // The rest of the body is on its way; there is no reading past it.
    call.response()
        .setStatusCode(413)
        .putHeader(
            HttpHeaders.CONTENT_TYPE, kling ? "application/json" : "application/problem+json")
        .putHeader(HttpHeaders.CONNECTION, "close")
        .end(body)
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
