package io.klingtracker.console;

import io.klingtracker.http.Front;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tenant.ConsoleSessions;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Open;
import io.klingtracker.tenant.Scope;
import io.smallrye.common.annotation.Blocking;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.SocketAddress;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.NewCookie;
import jakarta.ws.rs.core.Response;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A key for a session, and the session's end. */
@Path("/console")
@Blocking
public class SignInResource {

  /** Where one gets to who named no page. */
  static final String HOME = "/console";

  private static final int FAILED = 401;

  private final ConsoleSessions sessions;
  private final CurrentCaller caller;
  private final PageAnswers pages;

  @Inject
  SignInResource(ConsoleSessions sessions, CurrentCaller caller, PageAnswers pages) {
    this.sessions = sessions;
    this.caller = caller;
    this.pages = pages;
  }

  /** Asks for a key. */
  @GET
  @Open
  @Path("/sign-in")
  public Response page(@QueryParam("to") @Nullable String to) {
    return pages.page(Pages.signIn(new SignIn(own(to), null)));
  }

  /** Exchanges it. */
  @POST
  @Open
  @Path("/sign-in")
  @Consumes(MediaType.APPLICATION_FORM_URLENCODED)
  public Response signIn(@Context HttpServerRequest request, @Nullable String body) {
    Form form = Form.of(body);
    String to = own(form.get("to"));
    try {
      return entered(
          sessions.signIn(Objects.requireNonNullElse(form.get("key"), ""), address(request)),
          to,
          request);
    } catch (ProblemException e) {
      int status = e.code().httpStatus();
      return pages.page(
          status < FAILED ? FAILED : status,
          Pages.signIn(new SignIn(to, String.valueOf(e.getMessage()))));
    }
  }

  /** Signs in by a link that was printed where the service runs, once and from that machine. */
  @GET
  @Open
  @Path("/once/{token}")
  public Response once(@Context HttpServerRequest request, @PathParam("token") String token) {
    return isHere(request)
        ? sessions
            .signInOnce(token, address(request))
            .map(id -> entered(id, HOME, request))
            .orElseGet(() -> PageAnswers.to(HOME + "/sign-in"))
        : PageAnswers.to(HOME + "/sign-in");
  }

  /** Ends the session. */
  @POST
  @Needs(Scope.READ)
  @Path("/sign-out")
  @Consumes(MediaType.APPLICATION_FORM_URLENCODED)
  public Response signOut(@Context HttpServerRequest request, @Nullable String body) {
    sessions.checkForm(caller.session(), Form.of(body).get("csrf"));
    sessions.signOut(caller.session().id());
    return Response.fromResponse(PageAnswers.to(HOME + "/sign-in"))
        .cookie(cookie("", 0, request))
        .build();
  }

  private static Response entered(String id, String to, HttpServerRequest request) {
    return Response.fromResponse(PageAnswers.to(to))
        .cookie(cookie(id, Math.toIntExact(ConsoleSessions.LIFE.toSeconds()), request))
        .build();
  }

  private static NewCookie cookie(String value, int seconds, HttpServerRequest request) {
    return new NewCookie.Builder(ConsoleSessions.COOKIE)
        .value(value)
        .path(HOME)
        .maxAge(seconds)
        .httpOnly(true)
        .secure("https".equals(request.scheme()))
        .sameSite(NewCookie.SameSite.STRICT)
        .build();
  }

  /** A page of ours, never another site's. */
  static String own(@Nullable String to) {
    return to != null
            && to.length() <= Search.MAX
            && Front.of(to.replaceFirst("[?#].*", "")) == Front.CONSOLE
            && Front.isPlain(to.replaceFirst("[?#].*", ""))
            && isUri(to)
        ? to
        : HOME;
  }

  /** Browsers send some that are none, as with a bar in a query. */
  private static boolean isUri(String text) {
    try {
      return new URI(text).toASCIIString().equals(text);
    } catch (URISyntaxException e) {
      return false;
    }
  }

  private static String address(HttpServerRequest request) {
    SocketAddress remote = request.remoteAddress();
    return remote == null || remote.hostAddress() == null ? "" : remote.hostAddress();
  }

  private static boolean isHere(HttpServerRequest request) {
    try {
      String address = address(request);
      return !address.isEmpty() && InetAddress.getByName(address).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }
}
