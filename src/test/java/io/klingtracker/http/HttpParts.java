package io.klingtracker.http;

import io.klingtracker.share.Shares;
import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import java.util.Map;

/** Our filters on a router of a test's own, without Quarkus. */
public final class HttpParts {

  public static final int USUAL = 1 << 20;
  public static final int MOST = 32 << 20;

  /** Four turns for reads. */
  private static final int THREADS = 64;

  private static final int CONNECTIONS = 6;

  final MeterRegistry meters = new SimpleMeterRegistry();
  final Refusals refusals;
  final Admission admission;
  final TimeLimits times;
  final Bodies bodies;
  final BodyBudget budget;
  final RequestShares shares;
  final Turns turns;
  private final Vertx vertx;

  /** With settings of {@link HttpConfig}. */
  public HttpParts(Vertx vertx, Map<String, String> settings) {
    this.vertx = vertx;
    HttpConfig config = Settings.of(HttpConfig.class, settings);
    BodyBounds bounds =
        new BodyBounds() {
          @Override
          public int usual() {
            return USUAL;
          }

          @Override
          public int max() {
            return MOST;
          }

          @Override
          public int of(String path) {
            return path.startsWith("/kling/") ? MOST : USUAL;
          }
        };
    refusals = new Refusals(vertx, meters);
    admission = new Admission(config, refusals);
    times = new TimeLimits(vertx, config, refusals);
    Shares made = new Shares(meters);
    budget = new BodyBudget(config, bounds, meters, made, new LargeBodyWork(config, bounds, made));
    shares = new RequestShares(config, refusals, made);
    turns = new Turns(THREADS, CONNECTIONS);
    bodies = new Bodies(budget, bounds, refusals, new CurrentVertxRequest());
  }

  /** Reads bodies. */
  public Bodies bodies() {
    return bodies;
  }

  /** A router with time limits, bounds and bodies; the request arrives paused, as with Quarkus. */
  public Router router() {
    Router router = Router.router(vertx);
    router
        .route()
        .handler(
            call -> {
              call.request().pause();
              call.next();
            });
    router.route().handler(times::limit);
    router.route().handler(admission::admit);
    router.route().handler(bodies::read);
    return router;
  }

  /** Serves a router on a free port of loopback. */
  public int listen(Router router) {
    return vertx
        .createHttpServer(new HttpServerOptions())
        .requestHandler(router)
        .listen(0, "127.0.0.1")
        .toCompletionStage()
        .toCompletableFuture()
        .join()
        .actualPort();
  }
}
