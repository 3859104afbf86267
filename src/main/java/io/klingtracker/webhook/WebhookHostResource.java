package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Cursors;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** A tenant's failing hosts: which they are, what became of them, and letting them flow again. */
@Path("/v1/webhooks/hosts")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookHostResource {

  private static final String LIST = "webhook-hosts";
  private static final int PAGE = 100;

  private final DeliveryQueries queries;
  private final HostEventStore events;
  private final WebhookLifecycle lifecycle;
  private final Cursors cursors;
  private final CurrentCaller caller;

  /** Hosts whose deliveries fail, paused ones first. */
  public record Hosts(List<HostView> hosts) {}

  /** A page of what became of hosts, and where the next begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record HostEvents(List<HostEventView> events, @Nullable String nextCursor) {}

  @Inject
  WebhookHostResource(
      DeliveryQueries queries,
      HostEventStore events,
      WebhookLifecycle lifecycle,
      Cursors cursors,
      CurrentCaller caller) {
    this.queries = queries;
    this.events = events;
    this.lifecycle = lifecycle;
    this.cursors = cursors;
    this.caller = caller;
  }

  /** The caller's hosts whose deliveries fail. */
  @GET
  @Needs(Scope.WEBHOOKS)
  @Operation(summary = "Failing and paused hosts")
  public Hosts hosts(@QueryParam("paused") @Nullable String paused) {
    return new Hosts(queries.hosts(caller.tenant(), Parameters.flag("paused", paused)));
  }

  /** Pauses of the caller's hosts and their ends, newest first; the same as on Kafka. */
  @GET
  @Needs(Scope.WEBHOOKS)
  @Path("/events")
  @Operation(summary = "When hosts were paused and resumed")
  public HostEvents events(@QueryParam("cursor") @Nullable String cursor) {
    String tenant = caller.tenant();
    List<HostEventView> page = events.list(tenant, before(tenant, cursor), PAGE);
    return new HostEvents(
        page,
        page.size() < PAGE
            ? null
            : cursors.seal(LIST, tenant, Long.toString(page.get(PAGE - 1).id())));
  }

  private long before(String tenant, @Nullable String cursor) {
    return cursor == null || cursor.isEmpty()
        ? Long.MAX_VALUE
        : cursors
            .open(LIST, tenant, cursor)
            .map(Long::parseLong)
            .orElseThrow(Parameters::foreignCursor);
  }

  /** Lets deliveries to a host flow again at once. */
  @POST
  @Needs(Scope.WEBHOOKS)
  @Path("/{host}/resume")
  @Operation(summary = "Resume a paused host")
  @APIResponse(responseCode = "204", description = "it flows again")
  public Response resume(@PathParam("host") String host) {
    Parameters.text("host", host, Parameters.MAX_HOST);
    if (!queries.resume(caller.tenant(), host)) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "deliveries to " + host + " are not held up");
    }
    lifecycle.wake();
    return Response.noContent().build();
  }
}
