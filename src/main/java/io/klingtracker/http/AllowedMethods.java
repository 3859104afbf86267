package io.klingtracker.http;

import java.util.Set;
import java.util.TreeSet;
import org.jboss.resteasy.reactive.server.core.CurrentRequestManager;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.handlers.ClassRoutingHandler;
import org.jboss.resteasy.reactive.server.handlers.RestInitialHandler;
import org.jboss.resteasy.reactive.server.mapping.RequestMapper;
import org.jboss.resteasy.reactive.server.spi.ServerRestHandler;

/**
 * The methods that a path takes, for the {@code Allow} of a 405 (RFC 9110, 15.5.6). The REST layer
 * knows them and does not say; its routes are read, so that no second table can be wrong.
 */
final class AllowedMethods {

  private AllowedMethods() {}

  /**
   * Of the path of the request under way; empty when no resource has it, or when its method is one
   * of them.
   */
  static Set<String> insteadOfCurrent() {
    ResteasyReactiveRequestContext call = CurrentRequestManager.get();
    Set<String> methods = call == null ? Set.of() : of(call);
    return call != null && methods.contains(call.getMethod()) ? Set.of() : methods;
  }

  private static Set<String> of(ResteasyReactiveRequestContext call) {
    Set<String> methods = new TreeSet<>();
    RequestMapper<RestInitialHandler.InitialMatch> classes =
        new RequestMapper<>(call.getDeployment().getClassMappers());
    String path = call.getPathWithoutPrefix();
    // A path's methods may be of several classes.
    for (RequestMapper.RequestMatch<RestInitialHandler.InitialMatch> match = classes.map(path);
        match != null;
        match = classes.continueMatching(path, match)) {
      String rest = match.remaining.isEmpty() ? "/" : match.remaining;
      for (ServerRestHandler handler : match.value.handlers) {
        if (handler instanceof ClassRoutingHandler routing) {
          add(routing, rest, methods);
        }
      }
    }
    if (methods.contains("GET")) {
      methods.add("HEAD");
    }
    return methods;
  }

  private static void add(ClassRoutingHandler routing, String rest, Set<String> methods) {
    routing
        .getMappers()
        .forEach(
            (method, paths) -> {
              if (method != null && paths.map(rest) != null) {
                methods.add(method);
              }
            });
  }
}
