package io.klingtracker.feed;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.OpenCalls;
import io.klingtracker.tenant.Scope;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Multi;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.sse.OutboundSseEvent;
import jakarta.ws.rs.sse.Sse;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.resteasy.reactive.ResponseHeader;
import org.jspecify.annotations.Nullable;

/** One task's stream of Server-Sent Events. */
@Path("/v1/tasks")
public class TaskEventsResource {

  private final Feed feed;
  private final Tasks tasks;
  private final CurrentCaller caller;
  private final OpenCalls calls;

  @Inject
  TaskEventsResource(Feed feed, Tasks tasks, CurrentCaller caller, OpenCalls calls) {
    this.calls = calls;
    this.feed = feed;
    this.tasks = tasks;
    this.caller = caller;
  }

  /**
   * One task's events from its first, or from behind {@code Last-Event-ID} on, until it has ended.
   */
  @GET
  @Needs(Scope.READ)
  @Path("/{id}/events")
  @Produces(MediaType.SERVER_SENT_EVENTS)
  @ResponseHeader(name = "Cache-Control", value = "no-cache")
  @ResponseHeader(name = FeedResource.UNBUFFERED, value = "no")
  @Blocking
  @Operation(summary = "A task's status changes as they come")
  @APIResponse(
      responseCode = "200",
      description = "events, one after the other",
      content =
          @Content(
              mediaType = MediaType.SERVER_SENT_EVENTS,
              schema = @Schema(type = SchemaType.STRING)))
  @APIResponse(responseCode = "204", description = "Last-Event-ID is of its last event")
  public Multi<OutboundSseEvent> taskStream(
      @PathParam("id") String id,
      @HeaderParam("Last-Event-ID") @Nullable String lastEventId,
      @Context Sse sse) {
    Task task =
        tasks
            .findByAnyId(caller.tenant(), id)
            .orElseThrow(
                () -> new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id));
    int after =
        lastEventId == null ? 0 : feed.sequenceOf(task.id(), FeedResource.eventId(lastEventId));
    if (after > 0 && feed.isLast(task.id(), after)) {
      // 204 makes an event source stay away.
      throw new WebApplicationException(Response.Status.NO_CONTENT);
    }
    return calls.whileAllowed(
        FeedResource.toSse(feed.stream(task.tenant(), task.id(), after), sse));
  }
}
