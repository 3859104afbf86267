package io.klingtracker.http;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.ext.Provider;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveContainerRequestContext;
import org.jspecify.annotations.Nullable;

/**
 * Times requests by method, route and status. All of them are ours: a method is a known one or
 * OTHER, a route is the template of a resource that was matched; no caller can make a series, nor
 * push one out.
 */
@ApplicationScoped
class RequestMetrics {

  private static final String ROUTE = RequestMetrics.class.getName();
  private static final String OTHER = "OTHER";
  private static final String CALLBACK = "/callbacks/kling/{task}/{token}";
  private static final String NOT_FOUND = "NOT_FOUND";
  private static final String UNKNOWN = "UNKNOWN";

  /** Before everything, so that what is refused is timed too. */
  private static final int FIRST = FilterOrder.TIME + 1;

  private final MeterRegistry meters;
  private final Map<Series, Timer> timers = new ConcurrentHashMap<>();

  private record Series(String method, String uri, int status) {}

  @Inject
  RequestMetrics(MeterRegistry meters) {
    this.meters = meters;
  }

  void register(@Observes Filters filters) {
    filters.register(this::time, FIRST);
  }

  void time(RoutingContext call) {
    if (!ReadContext.isSecondPass(call)) {
      long begun = System.nanoTime();
      call.addEndHandler(end -> record(call, System.nanoTime() - begun));
    }
    call.next();
  }

  private void record(RoutingContext call, long nanos) {
    HttpServerRequest request = call.request();
    String route = route(call);
    if (route == null) {
      return;
    }
    String method = request.method().name();
    Series series =
        new Series(
            StrictDecoder.METHODS.contains(method) ? method : OTHER,
            route,
            call.response().getStatusCode());
    timers.computeIfAbsent(series, this::timer).record(nanos, TimeUnit.NANOSECONDS);
  }

  /** Null for what Quarkus serves below {@code /q}. */
  private static @Nullable String route(RoutingContext call) {
    String matched = call.get(ROUTE);
    if (matched != null) {
      return matched;
    }
    String path = call.request().path();
    Front front = Front.of(path);
    int status = call.response().getStatusCode();
    if (front == Front.CALLBACK && status != 404) {
      return CALLBACK;
    }
    if (front == Front.OPEN && path != null && path.startsWith("/q/") && status != 404) {
      return null;
    }
    return status == 404 ? NOT_FOUND : UNKNOWN;
  }

  private Timer timer(Series series) {
    return Timer.builder("http.server.requests")
        .description(
            "Requests by method, route and status, from their head to the end of the answer")
        .tag("method", series.method())
        .tag("uri", series.uri())
        .tag("status", Integer.toString(series.status()))
        .tag("outcome", outcome(series.status()))
        .register(meters);
  }

  private static String outcome(int status) {
    return switch (status / 100) {
      case 1 -> "INFORMATIONAL";
      case 2 -> "SUCCESS";
      case 3 -> "REDIRECTION";
      case 4 -> "CLIENT_ERROR";
      case 5 -> "SERVER_ERROR";
      default -> "UNKNOWN";
    };
  }

  /** Notes which resource was matched. */
  @Provider
  @Singleton
  @Priority(Priorities.AUTHENTICATION - 1)
  static class Matched implements ContainerRequestFilter {

    private final Map<Method, String> templates = new ConcurrentHashMap<>();

    @Override
    public void filter(ContainerRequestContext request) {
      ResteasyReactiveRequestContext reactive =
          (ResteasyReactiveRequestContext)
              ((ResteasyReactiveContainerRequestContext) request).getServerRequestContext();
      Method method = reactive.getResteasyReactiveResourceInfo().getResourceMethod();
      reactive
          .unwrap(RoutingContext.class)
          .put(ROUTE, templates.computeIfAbsent(method, Matched::template));
    }

    private static String template(Method method) {
      Path on = method.getDeclaringClass().getAnnotation(Path.class);
      Path at = method.getAnnotation(Path.class);
      String whole = (on == null ? "" : on.value()) + "/" + (at == null ? "" : at.value());
      String plain = whole.replaceAll("\\{\\s*([^:}\\s]+)\\s*:[^}]*}", "{$1}");
      return ("/" + plain).replaceAll("/+", "/").replaceAll("(?<=.)/$", "");
    }
  }
}
