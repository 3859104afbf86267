package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Cursors;
import io.klingtracker.task.Task;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** A tenant's webhooks: what was delivered, and again if need be. */
@Path("/v1/webhooks")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookResource {

  private static final String LIST = "webhook-deliveries";
  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;
  private static final List<String> STATES = List.of("pending", "delivered", "failed", "coalesced");

  private final DeliveryQueries queries;
  private final RedeliveryStore redeliveries;
  private final WebhookLifecycle lifecycle;
  private final CurrentCaller caller;
  private final Redelivery redelivery;
  private final Tasks tasks;
  private final Cursors cursors;

  /** A page of deliveries and where the next begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Page3")
  public record Page(List<DeliveryView> deliveries, @Nullable String nextCursor) {}

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
      @Nullable String host,
      @Nullable Boolean confirm) {}

  @Inject
  WebhookResource(
      DeliveryQueries queries,
      RedeliveryStore redeliveries,
      WebhookLifecycle lifecycle,
      Redelivery redelivery,
      Tasks tasks,
      Cursors cursors,
      CurrentCaller caller) {
    this.queries = queries;
    this.redeliveries = redeliveries;
    this.lifecycle = lifecycle;
    this.redelivery = redelivery;
    this.tasks = tasks;
    this.cursors = cursors;
    this.caller = caller;
  }

  /** The caller's deliveries, newest event first. */
  @GET
  @Needs(Scope.WEBHOOKS)
  @Path("/deliveries")
  @Operation(summary = "List webhook deliveries")
  public Page list(
      @QueryParam("task_id") @Nullable String taskId,
      @QueryParam("state") @Nullable String state,
      @QueryParam("host") @Nullable String host,
      @QueryParam("limit") @Nullable String limit,
      @QueryParam("cursor") @Nullable String cursor) {
    String wanted = Parameters.word("state", state, STATES);
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    UUID before = cursor == null || cursor.isEmpty() ? null : position(cursor);
    List<DeliveryQueries.Entry> page =
        queries.list(
            caller.tenant(),
            new DeliveryQueries.Filter(
                taskId(Parameters.given(taskId)),
                wanted,
                Parameters.text("host", Parameters.given(host), Parameters.MAX_HOST),
                before),
            size);
    String next =
        page.size() < size
            ? null
            : cursors.seal(LIST, caller.tenant(), page.get(page.size() - 1).id());
    return new Page(page.stream().map(entry -> DeliveryView.of(entry, null)).toList(), next);
  }

  /** One delivery with its attempts. */
  @GET
  @Needs(Scope.WEBHOOKS)
  @Path("/deliveries/{id}")
  @Operation(summary = "One webhook delivery and its attempts")
  public DeliveryView get(@PathParam("id") String id) {
    UUID event = id(id);
    return DeliveryView.of(find(event), queries.attempts(caller.tenant(), event));
  }

  /** Makes a delivery again, under the same webhook-id. */
  @POST
  @Needs(Scope.WEBHOOKS)
  @Path("/deliveries/{id}/redeliver")
  @Operation(summary = "Deliver again")
  @APIResponse(
      responseCode = "202",
      description = "it will be made again",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = DeliveryView.class)))
  public Response redeliver(@PathParam("id") String id) {
    UUID event = id(id);
    if (!redeliveries.redeliver(caller.tenant(), event)) {
      DeliveryQueries.Entry entry = find(event);
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "delivery " + entry.id() + " is being made right now; look at it again in a moment");
    }
    lifecycle.wake();
    return Response.accepted(DeliveryView.of(find(event), null)).build();
  }

  private DeliveryQueries.Entry find(UUID id) {
    return queries
        .find(caller.tenant(), id)
        .orElseThrow(
            () ->
                new ProblemException(ErrorCode.NOT_FOUND, "no webhook delivery has the id " + id));
  }

  /** Counts what of the caller's has failed; with {@code confirm}, delivers it again. */
  @POST
  @Needs(Scope.WEBHOOKS)
  @Path("/redeliver")
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(summary = "Deliver again what has failed since a time (count first)")
  public Redelivery.Result redeliver(@Nullable RedeliveryRequest request) {
    RedeliveryRequest given =
        request == null ? new RedeliveryRequest(null, null, null, null) : request;
    return redelivery.request(
        given.since(), given.until(), caller.tenant(), given.host(), given.confirm());
  }

  private static UUID id(String text) {
    try {
      return UUID.fromString(text);
    } catch (IllegalArgumentException e) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "no webhook delivery has the id " + text);
    }
  }

  /** Our id of a task that was named by any of its three; one that names none finds nothing. */
  private @Nullable String taskId(@Nullable String id) {
    String named = Parameters.text("task_id", id);
    return named == null
        ? null
        : tasks.findByAnyId(caller.tenant(), named).map(Task::id).orElse(named);
  }

  private UUID position(String cursor) {
    return cursors
        .open(LIST, caller.tenant(), cursor)
        .map(UUID::fromString)
        .orElseThrow(Parameters::foreignCursor);
  }
}
