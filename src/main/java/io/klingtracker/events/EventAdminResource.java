package io.klingtracker.events;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.tenant.Admin;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.resteasy.reactive.RestResponse;
import org.jspecify.annotations.Nullable;

/** What administrators do about events: send them again. */
@Path("/admin/v1/events")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public class EventAdminResource {

  private final Replays replays;

  @Inject
  EventAdminResource(Replays replays) {
    this.replays = replays;
  }

  /**
   * Which events to send again.
   *
   * @param from RFC 3339, inclusive
   * @param to RFC 3339, exclusive
   * @param confirm false or missing only counts
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record ReplayRequest(
      @Nullable String taskId,
      @Nullable String tenant,
      @Nullable String from,
      @Nullable String to,
      @Nullable Boolean confirm) {}

  /**
   * How many events it would be, or how far it is.
   *
   * @param skipped events left out because Kafka will never take them
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record ReplayView(
      @Nullable String id,
      String state,
      long events,
      long sent,
      long skipped,
      @Nullable String reason) {

    static ReplayView of(Replays.Replay replay) {
      return new ReplayView(
          replay.id().toString(),
          replay.state(),
          replay.events(),
          replay.sent(),
          replay.skipped(),
          null);
    }
  }

  /** Counts; with {@code confirm} sends, whenever nothing newer waits. */
  @POST
  @Admin
  @Path("/replay")
  @Operation(summary = "Send events to Kafka again; counts first")
  @APIResponse(
      responseCode = "200",
      description = "counted",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = ReplayView.class)))
  @APIResponse(
      responseCode = "202",
      description = "begun",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = ReplayView.class)))
  public RestResponse<ReplayView> replay(@Nullable ReplayRequest request) {
    Replays.Selection selection = selection(request);
    if (request == null || !Boolean.TRUE.equals(request.confirm())) {
      return RestResponse.ok(
          new ReplayView(
              null, "counted", replays.count(selection), 0, 0, "add \"confirm\": true to send"));
    }
    return RestResponse.status(
        RestResponse.Status.ACCEPTED, ReplayView.of(replays.start(selection)));
  }

  /** The replay under way, or the last one, whichever replica processes it. */
  @GET
  @Admin
  @Path("/replay")
  @Operation(summary = "How far the replay is")
  public ReplayView replay() {
    return replays
        .latest()
        .map(ReplayView::of)
        .orElseThrow(
            () -> new ProblemException(ErrorCode.NOT_FOUND, "nobody has asked for a replay yet"));
  }

  /** Ends the replay under way; what it has sent stays sent. */
  @DELETE
  @Admin
  @Path("/replay")
  @Operation(summary = "Cancel the replay under way")
  public ReplayView cancelReplay() {
    return replays
        .cancel()
        .map(ReplayView::of)
        .orElseThrow(() -> new ProblemException(ErrorCode.NOT_FOUND, "no replay is under way"));
  }

  private static Replays.Selection selection(@Nullable ReplayRequest request) {
    if (request == null
        || request.taskId() == null
            && request.tenant() == null
            && request.from() == null
            && request.to() == null) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST, "name at least one of task_id, tenant, from, to");
    }
    return new Replays.Selection(
        Parameters.text("task_id", request.taskId()),
        Parameters.text("tenant", request.tenant()),
        Parameters.time("from", request.from()),
        Parameters.time("to", request.to()));
  }
}
