package io.klingtracker.http;

import io.klingtracker.request.Nearest;
import io.klingtracker.request.ParameterFamily;
import io.klingtracker.request.Parameters;
import jakarta.annotation.Priority;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.ext.Provider;
import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveContainerRequestContext;
import org.jspecify.annotations.Nullable;

/**
 * Refuses query parameters that the matched method does not declare, and those that come twice, on
 * {@code /v1} and {@code /admin}: a filter that is not read would answer more than was asked for.
 * What a {@link ParameterFamily} has in it is the method's to check. Those that begin with {@code
 * _} are the caller's own, against caches.
 */
@Provider
@Priority(Priorities.USER)
public class KnownParameters implements ContainerRequestFilter {

  private final Map<Method, Set<String>> known = new ConcurrentHashMap<>();

  @Override
  public void filter(ContainerRequestContext request) {
    ResteasyReactiveRequestContext reactive =
        (ResteasyReactiveRequestContext)
            ((ResteasyReactiveContainerRequestContext) request).getServerRequestContext();
    // Most requests have none, and what reads it is made anew for each.
    String query = reactive.serverRequest().query();
    if (query == null || query.isEmpty()) {
      return;
    }
    Front front = Front.of(request.getUriInfo().getPath());
    if (front != Front.NATIVE && front != Front.ADMIN) {
      return;
    }
    Method method = reactive.getResteasyReactiveResourceInfo().getResourceMethod();
    ParameterFamily family = method.getAnnotation(ParameterFamily.class);
    check(
        request.getUriInfo().getQueryParameters(),
        known.computeIfAbsent(method, KnownParameters::declared),
        family == null ? null : family.value());
  }

  static void check(Map<String, List<String>> given, Set<String> known, @Nullable String family) {
    given.forEach(
        (name, values) -> {
          if (name.startsWith("_") || family != null && name.startsWith(family)) {
            return;
          }
          if (!known.contains(name)) {
            throw Parameters.invalid(
                "unknown parameter " + Nearest.shown(name) + "; " + Nearest.hint(name, known));
          }
          if (values.size() > 1) {
            throw Parameters.invalid(name + " is given " + values.size() + " times; give it once");
          }
        });
  }

  private static Set<String> declared(Method method) {
    Set<String> names = new TreeSet<>();
    for (Annotation[] parameter : method.getParameterAnnotations()) {
      Arrays.stream(parameter)
          .filter(QueryParam.class::isInstance)
          .forEach(declared -> names.add(((QueryParam) declared).value()));
    }
    return names;
  }
}
