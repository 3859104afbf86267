package io.klingtracker.webhook;

import io.klingtracker.request.Parameters;
import io.klingtracker.tenant.Admin;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** The operator's view of all tenants' webhooks, and the way back after an outage. */
@Path("/admin/v1/webhooks")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookAdminResource {

  private final DeliveryQueries queries;
  private final Redelivery redelivery;

  /**
   * Which failed deliveries to make again.
   *
   * @param since failed at or after this time
   * @param until failed before this time; now if left out
   * @param confirm false or left out to receive the count only
   */
  @Schema(name = "Order")
  public record RedeliveryRequest(
      @Nullable String since,
      @Nullable String until,
      @Nullable String tenant,
      @Nullable String host,
      @Nullable Boolean confirm) {}

  /** Hosts whose deliveries fail. */
  public record Hosts(List<HostView> hosts) {}

  @Inject
  WebhookAdminResource(DeliveryQueries queries, Redelivery redelivery) {
    this.queries = queries;
    this.redelivery = redelivery;
  }

  /** Counts what has failed; with {@code confirm}, delivers it again. */
  @POST
  @Admin
  @Path("/redeliver")
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(summary = "Deliver again what has failed since a time (count first)")
  public Redelivery.Result redeliver(@Nullable RedeliveryRequest request) {
    RedeliveryRequest given =
        request == null ? new RedeliveryRequest(null, null, null, null, null) : request;
    return redelivery.request(
        given.since(), given.until(), given.tenant(), given.host(), given.confirm());
  }

  /** Hosts whose deliveries fail, paused ones first. */
  @GET
  @Admin
  @Path("/hosts")
  @Operation(summary = "Failing and paused webhook hosts")
  public Hosts hosts(
      @QueryParam("tenant") @Nullable String tenant,
      @QueryParam("paused") @Nullable String paused) {
    return new Hosts(
        queries.hosts(Parameters.text("tenant", tenant), Parameters.flag("paused", paused)));
  }
}
