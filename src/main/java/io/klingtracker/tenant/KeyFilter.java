package io.klingtracker.tenant;

import io.klingtracker.http.Bodies;
import io.klingtracker.http.FilterOrder;
import io.klingtracker.http.Front;
import io.klingtracker.http.Refusals;
import io.klingtracker.http.RequestTenant;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.text.ForeignText;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.quarkus.vertx.http.runtime.security.QuarkusHttpUser;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.Cookie;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Asks for the key before a byte of the body is read and before a thread is taken: on the event
 * loop where the key was looked up lately, else on a worker while the body waits outside. The
 * people of OpenID Connect have their signature checked here. What a key or a person may do is
 * {@link AuthenticationFilter}'s to say, once the resource is known.
 */
@ApplicationScoped
class KeyFilter {

  private static final Logger LOG = Logger.getLogger(KeyFilter.class);

  /** Of an address in the log, in bytes. */
  private static final int MAX_ADDRESS = 64;

  private static final String CALLER = Caller.class.getName();
  private static final String SESSION = ConsoleSession.class.getName();
  private static final String SIGN_IN = "/console/sign-in";

  /** What of the console needs no session. */
  private static final List<String> OPEN_PAGES =
      List.of(SIGN_IN, "/console/once/", "/console/assets/");

  private static final BiConsumer<RoutingContext, Throwable> ANSWERED_HERE = (call, failure) -> {};

  private final KeyAuthenticator authenticator;
  private final OidcUsers oidcUsers;
  private final Refusals refusals;
  private final FailedKeys failures;
  private final Vertx vertx;
  private final RefusedAdminKeys refusedAdmins;
  private final ConsoleSessions sessions;
  private final ConsoleConfig console;
  private final Map<Front, Counter> failed = new EnumMap<>(Front.class);

  @Inject
  KeyFilter(
      KeyAuthenticator authenticator,
      OidcUsers oidcUsers,
      Refusals refusals,
      Clock clock,
      Vertx vertx,
      ConsoleSessions sessions,
      ConsoleConfig console,
      MeterRegistry meters) {
    this.sessions = sessions;
    this.console = console;
    this.authenticator = authenticator;
    this.oidcUsers = oidcUsers;
    this.refusals = refusals;
    this.failures = new FailedKeys(clock, KeyCache.SIZE);
    this.vertx = vertx;
    this.refusedAdmins = new RefusedAdminKeys(clock);
    for (Front front : Front.values()) {
      if (front.needsKey()) {
        failed.put(
            front,
            Counter.builder("tracker.auth.failures")
                .description("Requests whose key or token was refused")
                .tag("front", front.label())
                .register(meters));
      }
    }
  }

  void register(@Observes Filters filters) {
    filters.register(this::check, FilterOrder.KEY);
  }

  /** The key's caller; null for people, and where no key is needed. */
  static @Nullable Caller caller(RoutingContext call) {
    return call.get(CALLER);
  }

  /** Whether a request brings a signature of its URL, right or wrong. */
  static boolean isSigned(RoutingContext call) {
    HttpMethod method = call.request().method();
    return (method == HttpMethod.GET || method == HttpMethod.HEAD)
        && call.request().getParam("signature") != null;
  }

  /** The session; null on every path that is not the console's. */
  static @Nullable ConsoleSession session(RoutingContext call) {
    return call.get(SESSION);
  }

  void check(RoutingContext call) {
    Front front = Front.of(call.request().path());
    if (front == Front.CONSOLE && !Bodies.isRead(call)) {
      enterConsole(call);
      return;
    }
    if (!front.needsKey() || Bodies.isRead(call)) {
      call.next();
      return;
    }
    List<String> headers = call.request().headers().getAll(HttpHeaders.AUTHORIZATION);
    List<String> authorization = headers.isEmpty() ? null : headers;
    if (authorization == null && front == Front.NATIVE && isSigned(call)) {
      // Whether the method takes that, and whether it is right, is asked once the method is found.
      call.next();
      return;
    }
    if (authorization != null && oidcUsers.isOidcToken(authorization)) {
      person(call, authorization);
      return;
    }
    boolean admin = front == Front.ADMIN;
    String address = address(call);
    String name = authenticator.name(admin, authorization);
    if (name == null || authenticator.isKnown(name)) {
      try {
        pass(call, name, caller(admin, name, authorization));
      } catch (RuntimeException e) {
        refuse(call, address, e);
      }
    } else if (!failures.mayLookUp(address, name)) {
      refuse(call, address, invalid());
    } else {
      vertx
          .executeBlocking(() -> caller(admin, name, authorization), false)
          .onComplete(found -> pass(call, name, found), failure -> refuse(call, address, failure));
    }
  }

  private void enterConsole(RoutingContext call) {
    String path = call.request().path();
    if (!console.enabled()) {
      refusals.refuse(
          call, new ProblemException(ErrorCode.NOT_FOUND, "there is nothing here"), "console");
      return;
    }
    if (OPEN_PAGES.stream().anyMatch(path::startsWith)) {
      call.next();
      return;
    }
    Cookie cookie = call.request().getCookie(ConsoleSessions.COOKIE);
    if (cookie == null) {
      askToSignIn(call);
      return;
    }
    String tenant = call.request().getParam("tenant");
    vertx
        .executeBlocking(() -> sessions.enter(cookie.getValue(), tenant), false)
        .onComplete(
            found -> found.ifPresentOrElse(entered -> pass(call, entered), () -> askToSignIn(call)),
            failure -> refusals.refuse(call, Refusals.foreseen(failure), "key"));
  }

  private static void pass(RoutingContext call, ConsoleSessions.Entered entered) {
    call.put(SESSION, entered.session());
    call.put(CALLER, entered.caller());
    if (entered.caller().tenant() != null) {
      RequestTenant.set(call, entered.caller().tenant());
    }
    call.next();
  }

  /** Back to this page afterwards, where it was asked for by a link. */
  private static void askToSignIn(RoutingContext call) {
    HttpServerRequest request = call.request();
    String to =
        request.method() == HttpMethod.GET && request.getHeader("HX-Request") == null
            ? "?to=" + URLEncoder.encode(request.uri(), StandardCharsets.UTF_8)
            : "";
    if (request.getHeader("HX-Request") != null) {
      call.response().setStatusCode(401).putHeader("HX-Redirect", SIGN_IN).end();
    } else {
      call.response().setStatusCode(303).putHeader("Location", SIGN_IN + to).end();
    }
  }

  private Caller caller(
      boolean admin, @Nullable String name, @Nullable List<String> authorization) {
    if (admin) {
      return authenticator.adminKey(authorization);
    }
    Caller named = name == null ? null : authenticator.ofName(name);
    return named == null ? authenticator.tenantKey(authorization) : named;
  }

  private void pass(RoutingContext call, @Nullable String name, Caller caller) {
    if (name != null) {
      failures.passed(name);
    }
    call.put(CALLER, caller);
    if (caller.tenant() != null) {
      RequestTenant.set(call, caller.tenant());
    }
    call.next();
  }

  /** Only whether the token is good; Quarkus remembers the identity for the resource. */
  private void person(RoutingContext call, List<String> authorization) {
    Uni<SecurityIdentity> identity = call.get(QuarkusHttpUser.DEFERRED_IDENTITY_KEY);
    if (identity == null) {
      refuse(call, address(call), invalid());
      return;
    }
    Context context = Vertx.currentContext();
    // Else Quarkus answers a failure itself, with a challenge and no body.
    call.put(QuarkusHttpUser.AUTH_FAILURE_HANDLER, ANSWERED_HERE);
    identity
        .subscribe()
        .with(
            someone ->
                context.runOnContext(
                    now -> {
                      if (someone == null || someone.isAnonymous()) {
                        refusePerson(call, null);
                      } else {
                        RequestTenant.set(call, oidcUsers.tenantOf(authorization, someone));
                        call.next();
                      }
                    }),
            failure -> context.runOnContext(now -> refusePerson(call, failure)));
  }

  private void refusePerson(RoutingContext call, @Nullable Throwable failure) {
    List<String> authorization = call.request().headers().getAll(HttpHeaders.AUTHORIZATION);
    refuse(call, address(call), oidcUsers.refusal(authorization, failure));
  }

  private void refuse(RoutingContext call, String address, Throwable failure) {
    ProblemException problem = Refusals.foreseen(failure);
    if (problem.code().httpStatus() != 401) {
      refusals.refuse(call, problem, "key");
      return;
    }
    Front front = Front.of(call.request().path());
    Counter counter = failed.get(front);
    if (counter != null) {
      counter.increment();
    }
    if (problem.code() == ErrorCode.AUTHORIZATION_MISSING) {
      refusals.refuse(call, problem, "key");
      return;
    }
    if (front == Front.ADMIN) {
      report(call);
    }
    Duration wait = failures.failed(address);
    if (wait == null) {
      refusals.refuse(call, problem, "key");
    } else {
      refusals.refuse(
          call,
          new ProblemException(
              ErrorCode.RATE_LIMITED,
              "too many keys from this address have failed; " + problem.getMessage(),
              wait),
          "failed-keys");
    }
  }

  private void report(RoutingContext call) {
    SocketAddress from = call.request().remoteAddress();
    String host = from == null || from.hostAddress() == null ? "?" : from.hostAddress();
    String line = refusedAdmins.refused(ForeignText.clean(host, MAX_ADDRESS));
    if (line != null) {
      LOG.warn(line);
    }
  }

  private static ProblemException invalid() {
    return new ProblemException(
        ErrorCode.AUTHORIZATION_INVALID, "the key is unknown, expired or revoked");
  }

  private static String address(RoutingContext call) {
    return FailedKeys.network(
        call.request().remoteAddress() == null
            ? null
            : call.request().remoteAddress().hostAddress());
  }
}
