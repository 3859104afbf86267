package io.klingtracker.tenant;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.arc.ClientProxy;
import io.quarkus.runtime.BlockingOperationControl;
import io.quarkus.security.identity.CurrentIdentityAssociation;
import io.quarkus.security.identity.SecurityIdentity;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.annotation.Priority;
import jakarta.inject.Inject;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import jakarta.ws.rs.ext.Provider;
import java.lang.reflect.Method;
import java.util.List;
import java.util.UUID;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveContainerRequestContext;
import org.jspecify.annotations.Nullable;

/**
 * Lets nobody into a resource method without what its {@link Needs}, {@link Admin} or {@link Open}
 * says, and notes what administrators do before it is done. Filters are made before the
 * configuration can be read, so what it needs must be beans that are created when first used.
 */
@Provider
@Priority(Priorities.AUTHENTICATION)
public class AuthenticationFilter implements ContainerRequestFilter, ContainerResponseFilter {

  private static final String AUDITED = "kling-task-tracker.audited";

  private final KeyAuthenticator authenticator;
  private final LastUsed lastUsed;
  private final RateLimits rates;
  private final AuditLog audit;
  private final CurrentCaller current;
  private final OidcUsers oidcUsers;
  private final CurrentIdentityAssociation identities;

  @Inject
  AuthenticationFilter(
      KeyAuthenticator authenticator,
      OidcUsers oidcUsers,
      CurrentIdentityAssociation identities,
      LastUsed lastUsed,
      RateLimits rates,
      AuditLog audit,
      CurrentCaller current) {
    this.authenticator = authenticator;
    this.oidcUsers = oidcUsers;
    this.identities = identities;
    this.lastUsed = lastUsed;
    this.rates = rates;
    this.audit = audit;
    this.current = current;
  }

  /**
   * Who may enter a method: everybody who has a tenant's key with that scope, or administrators.
   *
   * @param needed the scope; null for administrators
   * @param orSignature whether the method takes a signature instead
   */
  private record Entry(@Nullable Scope needed, boolean orSignature) {
    boolean isForAdministrators() {
      return needed == null;
    }
  }

  @Override
  public void filter(ContainerRequestContext request) {
    ResteasyReactiveContainerRequestContext reactive =
        (ResteasyReactiveContainerRequestContext) request;
    Entry entry = entry(reactive);
    if (entry == null) {
      return;
    }
    List<String> authorization = request.getHeaders().get("Authorization");
    if (authorization == null && entry.orSignature() && KeyFilter.isSigned(routing(reactive))) {
      return;
    }
    CurrentCaller caller = ClientProxy.unwrap(current);
    // Authentication is lazy: the identity provider's keys are only looked at for people's tokens.
    Uni<SecurityIdentity> person =
        authorization != null && oidcUsers.isOidcToken(authorization)
            ? identities.getDeferredIdentity()
            : null;
    // Streams are set up on an event loop, which must not wait for the database.
    boolean mayBlock = BlockingOperationControl.isBlockingAllowed();
    // The key was looked at before the body; whose path it is, the method says.
    Caller known = KeyFilter.caller(routing(reactive));
    ConsoleSession session = isOfConsole(reactive) ? KeyFilter.session(routing(reactive)) : null;
    if (session != null) {
      caller.set(session);
    }
    boolean fits =
        known != null
            && (session != null
                ? !entry.isForAdministrators()
                : KeyFilter.session(routing(reactive)) == null
                    && entry.isForAdministrators() == (known.tenant() == null));
    if (mayBlock || fits && !entry.isForAdministrators()) {
      admit(
          reactive,
          entry,
          known != null && fits ? known : caller(entry, authorization, person),
          caller);
      return;
    }
    reactive.suspend();
    Infrastructure.getDefaultExecutor()
        .execute(
            () -> {
              try {
                admit(reactive, entry, caller(entry, authorization, person), caller);
                reactive.resume();
              } catch (RuntimeException e) {
                reactive.resume(e);
              }
            });
  }

  private Caller caller(
      Entry entry, @Nullable List<String> authorization, @Nullable Uni<SecurityIdentity> person) {
    if (authorization != null && person != null) {
      return entry.isForAdministrators()
          ? oidcUsers.administrator(authorization, person)
          : oidcUsers.inTenant(authorization, person);
    }
    return entry.isForAdministrators()
        ? authenticator.adminKey(authorization)
        : authenticator.tenantKey(authorization);
  }

  private void admit(
      ResteasyReactiveContainerRequestContext request,
      Entry entry,
      Caller caller,
      CurrentCaller current) {
    Scope needed = entry.needed();
    if (needed == null || current.isAdministratorOnConsole()) {
      current.set(caller);
      if (!request.getMethod().equals("GET")) {
        UUID id = UUID.randomUUID();
        String path = request.getUriInfo().getPath();
        audit.begun(id, caller.name(), address(request), request.getMethod(), path);
        request.setProperty(AUDITED, id);
      }
      lastUsed.used(caller.key());
      return;
    }
    if (!caller.scopes().contains(needed)) {
      throw new ProblemException(
          ErrorCode.FORBIDDEN,
          "this %s may %s; it would need %s"
              .formatted(
                  caller.key() == null ? "person" : "key",
                  caller.scopes().isEmpty() ? "nothing" : Scope.words(caller.scopes()),
                  needed.wireName()));
    }
    rates.take(caller);
    current.set(caller);
    lastUsed.used(caller.key());
  }

  @Override
  public void filter(ContainerRequestContext request, ContainerResponseContext response) {
    if (request.getProperty(AUDITED) instanceof UUID id) {
      int status = response.getStatus();
      String detail = ClientProxy.unwrap(current).detail();
      if (BlockingOperationControl.isBlockingAllowed()) {
        audit.ended(id, status, detail);
      } else {
        Infrastructure.getDefaultExecutor().execute(() -> audit.ended(id, status, detail));
      }
    }
  }

  /**
   * As the method says that was found for the request, however its path was spelled; nobody enters
   * one that says nothing. Null where everybody may.
   */
  private static @Nullable Entry entry(ResteasyReactiveContainerRequestContext request) {
    Method method =
        request.getServerRequestContext().getResteasyReactiveResourceInfo().getResourceMethod();
    if (method.isAnnotationPresent(Open.class)) {
      return null;
    }
    if (method.isAnnotationPresent(Admin.class)) {
      return new Entry(null, false);
    }
    Needs needs = method.getAnnotation(Needs.class);
    if (needs == null) {
      throw new ProblemException(ErrorCode.FORBIDDEN, "nobody may use this path");
    }
    return new Entry(needs.value(), needs.orSignature());
  }

  /** By the method that was found: a session is good for pages alone, however a path is spelled. */
  private static boolean isOfConsole(ResteasyReactiveContainerRequestContext request) {
    Path path =
        request
            .getServerRequestContext()
            .getResteasyReactiveResourceInfo()
            .getResourceMethod()
            .getDeclaringClass()
            .getAnnotation(Path.class);
    return path != null && path.value().startsWith("/console");
  }

  private static RoutingContext routing(ResteasyReactiveContainerRequestContext request) {
    return ((ResteasyReactiveRequestContext) request.getServerRequestContext())
        .unwrap(RoutingContext.class);
  }

  private static String address(ResteasyReactiveContainerRequestContext request) {
    HttpServerRequest http =
        ((ResteasyReactiveRequestContext) request.getServerRequestContext())
            .unwrap(HttpServerRequest.class);
    return http.remoteAddress() == null ? "" : String.valueOf(http.remoteAddress().hostAddress());
  }
}
