package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Every route of the running service, found in its own OpenAPI document. */
final class Routes {

  private static final Pattern PARAMETER = Pattern.compile("\\{([^}]+)}");
  private static final List<String> METHODS = List.of("get", "post", "put", "patch", "delete");

  /**
   * One route.
   *
   * @param path with its parameters in braces
   * @param query names of query parameters
   */
  record Route(String method, String path, List<String> query) {

    /** Names of the parameters in the path. */
    List<String> parameters() {
      List<String> names = new ArrayList<>();
      Matcher matcher = PARAMETER.matcher(path);
      while (matcher.find()) {
        names.add(matcher.group(1));
      }
      return names;
    }

    /** The path with a value for each parameter. */
    String path(UnaryOperator<String> value) {
      return PARAMETER
          .matcher(path)
          .replaceAll(match -> Matcher.quoteReplacement(value.apply(match.group(1))));
    }

    boolean takesBody() {
      return !method.equals("GET") && !method.equals("DELETE");
    }

    boolean isAdmin() {
      return path.startsWith("/admin");
    }

    boolean isCallback() {
      return path.startsWith("/callbacks");
    }

    /** Server-Sent Events and others that do not end by themselves. */
    boolean isStream() {
      return method.equals("GET") && (path.endsWith("/stream") || path.endsWith("}/events"));
    }

    @Override
    public String toString() {
      return method + " " + path;
    }
  }

  private Routes() {}

  static List<Route> of(Installation installation) {
    Calls.Answer answer =
        installation.calls().get(installation.url() + "/q/openapi?format=json", null);
    List<Route> routes = new ArrayList<>();
    for (Map.Entry<String, JsonNode> path : answer.json().path("paths").properties()) {
      for (String method : METHODS) {
        JsonNode operation = path.getValue().path(method);
        if (!operation.isMissingNode()) {
          List<String> query = new ArrayList<>();
          for (JsonNode parameters :
              List.of(path.getValue().path("parameters"), operation.path("parameters"))) {
            for (JsonNode parameter : parameters) {
              if (parameter.path("in").asText().equals("query")) {
                query.add(parameter.path("name").asText());
              }
            }
          }
          routes.add(new Route(method.toUpperCase(Locale.ROOT), path.getKey(), query));
        }
      }
    }
    if (routes.size() < 20) {
      throw new IllegalStateException("no routes in " + answer);
    }
    return routes;
  }
}
