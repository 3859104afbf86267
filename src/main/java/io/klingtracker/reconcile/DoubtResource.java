package io.klingtracker.reconcile;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Parameters;
import io.klingtracker.tenant.Admin;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.Doubts.Cause;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** Creates of which nobody knows whether Kling accepted them, for whoever can find out. */
@Path("/admin/v1/doubts")
@Produces(MediaType.APPLICATION_JSON)
public class DoubtResource {

  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;

  /** Kling's have 18 digits. */
  private static final int MAX_ID = 512;

  private final DoubtDecisions decisions;

  @Inject
  DoubtResource(DoubtDecisions decisions) {
    this.decisions = decisions;
  }

  /** The oldest of them. */
  public record Listing(List<View> doubts) {}

  /**
   * One create.
   *
   * @param cause {@code no-answer}, {@code exists} or {@code not-asked}
   * @param sentAt when it was about to leave
   * @param named whether it went with our {@code task_id} as {@code external_task_id}
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record View(
      String taskId,
      String tenant,
      String account,
      String kind,
      @Nullable String model,
      String cause,
      String sentAt,
      boolean named,
      @Nullable String reason) {

    static View of(DoubtDecisions.Open open) {
      Cause cause = open.doubt().cause();
      return new View(
          open.ref().taskId(),
          open.tenant(),
          open.ref().account(),
          open.ref().kind(),
          open.ref().model(),
          cause == null ? "" : cause.wireName(),
          Rfc3339.format(open.doubt().sentAt()),
          !open.doubt().isUnnamed(),
          open.reason());
    }
  }

  /** Where Kling has it. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Acceptance(@Nullable String klingTaskId) {}

  /** The oldest creates in doubt. */
  @GET
  @Admin
  @Operation(summary = "Creates in doubt, oldest first")
  public Listing list(@QueryParam("limit") @Nullable String limit) {
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    return new Listing(decisions.all(size).stream().map(View::of).toList());
  }

  /** Kling has the task under this id: it is asked about that, and the task continues. */
  @POST
  @Admin
  @Path("/{id}/accepted")
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(summary = "Say which of Kling's tasks a create in doubt is")
  @APIResponse(responseCode = "204", description = "the task continues")
  public void accepted(@PathParam("id") String id, @Nullable Acceptance body) {
    String klingTaskId = body == null ? null : body.klingTaskId();
    decisions.accepted(id("id", id), id("kling_task_id", klingTaskId));
  }

  /** Kling does not have the task: it waits for its turn again. */
  @POST
  @Admin
  @Path("/{id}/not-accepted")
  @Operation(summary = "Say that Kling does not have a create in doubt, so that it is sent again")
  @APIResponse(responseCode = "204", description = "the task waits for its turn")
  public void notAccepted(@PathParam("id") String id) {
    decisions.notAccepted(id("id", id));
  }

  private static String id(String name, @Nullable String value) {
    String given = value == null ? "" : value;
    Parameters.filled(name, given, MAX_ID);
    return given;
  }
}
