package io.klingtracker.console;

import io.klingtracker.tenant.ConsoleSessions;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.upstream.ResultConfig;
import io.quarkus.qute.TemplateInstance;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import java.util.List;
import java.util.stream.Collectors;

/** Pages as they go out: their frame, and what a browser may load for them. */
@Singleton
class PageAnswers {

  private static final String LOCALHOST = "localhost";

  private final ConsoleSessions sessions;
  private final CurrentCaller caller;
  private final String policy;

  @Inject
  PageAnswers(ConsoleSessions sessions, CurrentCaller caller, ResultConfig results) {
    this.sessions = sessions;
    this.caller = caller;
    String media = sources(results.resultHosts());
    this.policy =
        "default-src 'self'; img-src 'self' data:"
            + media
            + "; media-src 'self'"
            + media
            + "; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
  }

  /** Where results may come from; a name of this machine without TLS, on any port. */
  private static String sources(List<String> hosts) {
    return hosts.stream()
        .map(String::strip)
        .filter(host -> host.matches("[A-Za-z0-9.-]+"))
        .map(
            host ->
                host.equals(LOCALHOST) || host.equals("127.0.0.1")
                    ? " http://" + host + ":*"
                    : " https://" + host + " https://*." + host)
        .collect(Collectors.joining());
  }

  /** The frame of a page. */
  Frame frame(String title, String place) {
    return new Frame(
        title,
        place,
        caller.hasTenant() ? caller.tenant() : null,
        caller.session().administrator(),
        sessions.formToken(caller.session()));
  }

  /** A page. */
  Response page(TemplateInstance page) {
    return page(200, page);
  }

  /** A page with another status. */
  Response page(int status, TemplateInstance page) {
    return Response.status(status)
        .type("text/html;charset=utf-8")
        .entity(page.render())
        .header("Content-Security-Policy", policy)
        .header("Cache-Control", "no-store")
        .build();
  }

  /** To another page. */
  static Response to(String path) {
    return Response.status(Response.Status.SEE_OTHER)
        .location(URI.create(path))
        .header("Cache-Control", "no-store")
        .build();
  }
}
