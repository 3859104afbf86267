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
import jakarta.annotation.Priority;
import jakarta.inject.Inject;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import jakarta.ws.rs.ext.Provider;
import java.util.List;
import java.util.UUID;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveContainerRequestContext;
import org.jspecify.annotations.Nullable;

/**
 * Lets nobody onto {@code /kling}, {@code /v1} and {@code /admin/v1} without a key that may do what
 * is asked, and notes what administrators do before it is done. Filters are made before the
 * configuration can be read, so what it needs must be beans that come into being when first used.
 */
@Provider
@Priority(Priorities.AUTHENTICATION)
public class AuthenticationFilter implements ContainerRequestFilter, ContainerResponseFilter {

  private static final String AUDITED = "kling-task-tracker.audited";

  private final KeyRing keys;
  private final KeyUse use;
  private final RateLimits rates;
  private final AuditLog audit;
  private final CurrentCaller current;
  private final People people;
  private final CurrentIdentityAssociation identities;

  @Inject
  AuthenticationFilter(
      KeyRing keys,
      People people,
      CurrentIdentityAssociation identities,
      KeyUse use,
      RateLimits rates,
      AuditLog audit,
      CurrentCaller current) {
    this.keys = keys;
    this.people = people;
    this.identities = identities;
    this.use = use;
    this.rates = rates;
    this.audit = audit;
    this.current = current;
  }

  /** Whose paths they are. */
  private enum Realm {
    TENANTS,
    ADMINISTRATORS,
    NOBODY;

    static Realm of(String path) {
      String absolute = path.startsWith("/") ? path : "/" + path;
      if (absolute.startsWith("/admin/") || absolute.equals("/admin")) {
        return ADMINISTRATORS;
      }
      return absolute.startsWith("/kling/")
              || absolute.startsWith("/v1/")
              || absolute.equals("/kling")
              || absolute.equals("/v1")
          ? TENANTS
          : NOBODY;
    }
  }

  @Override
  public void filter(ContainerRequestContext request) {
    ResteasyReactiveContainerRequestContext reactive =
        (ResteasyReactiveContainerRequestContext) request;
    Realm realm = realm(reactive);
    if (realm == Realm.NOBODY) {
      return;
    }
    List<String> authorization = request.getHeaders().get("Authorization");
    CurrentCaller caller = ClientProxy.unwrap(current);
    // Authentication is lazy: the identity provider's keys are only looked at for people's tokens.
    Uni<SecurityIdentity> person =
        authorization != null && people.come(authorization)
            ? identities.getDeferredIdentity()
            : null;
    // Streams are set up on an event loop, which must not wait for the database.
    boolean mayBlock = BlockingOperationControl.isBlockingAllowed();
    if (mayBlock || realm == Realm.TENANTS && person == null && keys.isWarm(authorization)) {
      admit(reactive, realm, caller(realm, authorization, person), caller);
      return;
    }
    reactive.suspend();
    Infrastructure.getDefaultExecutor()
        .execute(
            () -> {
              try {
                admit(reactive, realm, caller(realm, authorization, person), caller);
                reactive.resume();
              } catch (RuntimeException e) {
                reactive.resume(e);
              }
            });
  }

  private Caller caller(
      Realm realm, @Nullable List<String> authorization, @Nullable Uni<SecurityIdentity> person) {
    if (authorization != null && person != null) {
      return realm == Realm.ADMINISTRATORS
          ? people.administrator(authorization, person)
          : people.inTenant(authorization, person);
    }
    return realm == Realm.ADMINISTRATORS
        ? keys.adminKey(authorization)
        : keys.tenantKey(authorization);
  }

  private void admit(
      ResteasyReactiveContainerRequestContext request,
      Realm realm,
      Caller caller,
      CurrentCaller current) {
    String path = request.getUriInfo().getPath();
    if (realm == Realm.ADMINISTRATORS) {
      current.is(caller);
      if (!request.getMethod().equals("GET")) {
        UUID id = UUID.randomUUID();
        audit.begun(id, caller.name(), address(request), request.getMethod(), path);
        request.setProperty(AUDITED, id);
      }
      use.used(caller.key());
      return;
    }
    Scope needed = Scope.needed(request.getMethod(), path);
    if (!caller.scopes().contains(needed)) {
      throw new ProblemException(
          ErrorCode.FORBIDDEN,
          "this %s may %s; it would need %s"
              .formatted(
                  caller.key() == null ? "person" : "key",
                  caller.scopes().isEmpty() ? "nothing" : Scope.words(caller.scopes()),
                  needed.word()));
    }
    rates.take(caller);
    current.is(caller);
    use.used(caller.key());
  }

  @Override
  public void filter(ContainerRequestContext request, ContainerResponseContext response) {
    if (request.getProperty(AUDITED) instanceof UUID id) {
      int status = response.getStatus();
      if (BlockingOperationControl.isBlockingAllowed()) {
        audit.ended(id, status);
      } else {
        Infrastructure.getDefaultExecutor().execute(() -> audit.ended(id, status));
      }
    }
  }

  /**
   * By the path asked for and by the resource that was found for it: a spelling of the path that
   * only the router understands must not go around the key.
   */
  private static Realm realm(ResteasyReactiveContainerRequestContext request) {
    Realm asked = Realm.of(request.getUriInfo().getPath());
    if (asked != Realm.NOBODY) {
      return asked;
    }
    Class<?> resource =
        request.getServerRequestContext().getResteasyReactiveResourceInfo().getResourceClass();
    Path path = resource.getAnnotation(Path.class);
    return path == null ? Realm.NOBODY : Realm.of(path.value());
  }

  private static String address(ResteasyReactiveContainerRequestContext request) {
    HttpServerRequest http =
        ((ResteasyReactiveRequestContext) request.getServerRequestContext())
            .unwrap(HttpServerRequest.class);
    return http.remoteAddress() == null ? "" : String.valueOf(http.remoteAddress().hostAddress());
  }
}
