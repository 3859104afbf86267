package io.klingtracker.dispatch;

import com.fasterxml.jackson.annotation.JsonRawValue;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What a task was asked for with, beside what went to Kling. */
@Path("/v1/tasks/{id}/request")
@Produces(MediaType.APPLICATION_JSON)
public class RequestResource {

  private final TaskRequests requests;
  private final CurrentCaller caller;

  @Inject
  RequestResource(TaskRequests requests, CurrentCaller caller) {
    this.requests = requests;
    this.caller = caller;
  }

  /**
   * Both bodies, long texts cut.
   *
   * @param asked the caller's, JSON; null when another program submitted the task, when it was
   *     removed, or when it is large even so
   * @param sent what went to Kling, JSON, without our callback's token; null when nothing did
   */
  @Schema(name = "TaskRequest")
  public record RequestView(
      @Schema(type = SchemaType.OBJECT) @JsonRawValue @Nullable String asked,
      @Schema(type = SchemaType.OBJECT) @JsonRawValue @Nullable String sent) {}

  /** The caller's body, and what went to Kling. */
  @GET
  @Needs(Scope.READ)
  @Operation(summary = "What was asked for, and what was sent to Kling")
  public RequestView get(@PathParam("id") String id) {
    return requests
        .find(caller.tenant(), id)
        .orElseThrow(
            () -> new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id));
  }
}
