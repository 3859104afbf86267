package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.vertx.http.HttpServerStart;
import io.quarkus.vertx.http.HttpsServerStart;
import io.quarkus.vertx.http.runtime.VertxHttpRecorder;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.impl.VertxInternal;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.event.ObservesAsync;
import jakarta.inject.Inject;
import java.util.Optional;
import java.util.OptionalInt;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The operators' own port: a second server of the same router, with the options of the public one
 * (time-outs, limits, certificate), its bounds and its filters. What is for operators alone ({@link
 * Front#isForOperators}) is then unknown on the public port. Quarkus' management interface is no
 * way to this: it is chosen at build time and serves no resources.
 */
@ApplicationScoped
class OperatorPort {

  private static final Logger LOG = Logger.getLogger(OperatorPort.class);
  private static final String BOUND = "operator-port";
  private static final int NOT_OPEN = -1;

  private final Vertx vertx;
  private final OperatorConfig config;
  private final Connections connections;
  private final Refusals refusals;
  private final Handler<HttpServerRequest> router;
  private final boolean secure;
  private @Nullable HttpServer server;
  private volatile int port = NOT_OPEN;

  @Inject
  OperatorPort(
      Vertx vertx,
      OperatorConfig config,
      Connections connections,
      Refusals refusals,
      @ConfigProperty(name = "quarkus.http.insecure-requests") Optional<String> insecure,
      @ConfigProperty(name = "quarkus.http.ssl.client-auth", defaultValue = "none")
          String clientAuth) {
    this(
        vertx,
        config,
        connections,
        refusals,
        VertxHttpRecorder.getRootHandler(),
        // As Quarkus decides whether the public port speaks without TLS.
        !insecure
            .map("enabled"::equalsIgnoreCase)
            .orElse(!"required".equalsIgnoreCase(clientAuth)));
  }

  /**
   * A port.
   *
   * @param secure whether the public port takes requests over TLS alone
   */
  OperatorPort(
      Vertx vertx,
      OperatorConfig config,
      Connections connections,
      Refusals refusals,
      Handler<HttpServerRequest> router,
      boolean secure) {
    this.vertx = vertx;
    this.config = config;
    this.connections = connections;
    this.refusals = refusals;
    this.router = router;
    this.secure = secure;
  }

  void listens(@ObservesAsync HttpServerStart start) {
    if (!secure) {
      openOrExit(start.options());
    }
  }

  void listensSecurely(@ObservesAsync HttpsServerStart start) {
    if (secure) {
      openOrExit(start.options());
    }
  }

  void onStop(@Observes ShutdownEvent stop) {
    close();
  }

  void register(@Observes Filters filters) {
    filters.register(this::admit, FilterOrder.OPERATOR);
  }

  /** Nobody would notice a port that is missing: operators look through it. */
  private void openOrExit(HttpServerOptions publicOptions) {
    if (config.port().isPresent()) {
      open(publicOptions)
          .onFailure(
              failure -> {
                LOG.errorf(
                    "tracker.operator.port %d cannot be opened: %s",
                    config.port().getAsInt(), failure.getMessage());
                Quarkus.asyncExit(1);
              });
    }
  }

  /**
   * Opens it; does nothing when no port is configured.
   *
   * @param publicOptions those of the public server
   */
  Future<?> open(HttpServerOptions publicOptions) {
    OptionalInt wanted = config.port();
    if (wanted.isEmpty()) {
      return Future.succeededFuture();
    }
    HttpServerOptions options = new HttpServerOptions(publicOptions).setPort(wanted.getAsInt());
    config.host().ifPresent(options::setHost);
    return listen(options)
        .compose(
            open ->
                Future.fromCompletionStage(
                    connections.onOperatorsStart(options, open.actualPort())))
        .onSuccess(open -> LOG.infof("operators come to %s:%d", options.getHost(), port));
  }

  private synchronized Future<HttpServer> listen(HttpServerOptions options) {
    HttpServer opening = vertx.createHttpServer(options).requestHandler(router);
    server = opening;
    io.vertx.core.Promise<HttpServer> done = io.vertx.core.Promise.promise();
    // On an event loop of its own: here may be a worker, whose context would serve the requests.
    ((VertxInternal) vertx)
        .createEventLoopContext()
        .runOnContext(go -> opening.listen().onComplete(done));
    return done.future().onSuccess(open -> port = open.actualPort());
  }

  synchronized void close() {
    HttpServer open = server;
    if (open != null) {
      server = null;
      open.close();
    }
  }

  /** Where it listens; -1 while it does not. */
  int actualPort() {
    return port;
  }

  void admit(RoutingContext call) {
    if (config.port().isEmpty()
        || !Front.isForOperators(call.request().path())
        || isOperators(call.request().connection().localAddress(true))) {
      call.next();
    } else {
      refusals.refuse(
          call, new ProblemException(ErrorCode.NOT_FOUND, "there is nothing here"), BOUND);
    }
  }

  /** By our own socket's address: with the PROXY protocol the other is what the caller dialled. */
  private boolean isOperators(@Nullable SocketAddress local) {
    return local != null && port != NOT_OPEN && local.port() == port;
  }
}
