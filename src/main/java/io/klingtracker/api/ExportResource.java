package io.klingtracker.api;

import io.klingtracker.request.Parameters;
import io.klingtracker.task.TaskRange;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.OpenCalls;
import io.klingtracker.tenant.Scope;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Multi;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.ResponseHeader;
import org.jspecify.annotations.Nullable;

/** All of a tenant's tasks in one answer that may be taken up again. */
@Path("/v1/tasks/export")
@Tag(ref = "Task Resource")
public class ExportResource {

  private static final String NDJSON = "application/x-ndjson";

  private final Exports exports;
  private final CurrentCaller caller;
  private final OpenCalls calls;

  @Inject
  ExportResource(Exports exports, CurrentCaller caller, OpenCalls calls) {
    this.exports = exports;
    this.caller = caller;
    this.calls = calls;
  }

  /**
   * The caller's tasks, oldest first, a line for each; a cut one continues behind a line's cursor.
   */
  @GET
  @Needs(Scope.READ)
  @Produces(NDJSON)
  @ResponseHeader(name = "Cache-Control", value = "no-cache")
  @ResponseHeader(name = "X-Accel-Buffering", value = "no")
  @Blocking
  @Operation(summary = "All tasks, oldest first, as NDJSON")
  @APIResponse(
      responseCode = "200",
      description = "each line a task as GET /v1/tasks/{id} has it, and the cursor behind it",
      content = @Content(mediaType = NDJSON, schema = @Schema(type = SchemaType.STRING)))
  public Multi<Exports.Lines> export(
      @QueryParam("created_after") @Nullable String createdAfter,
      @QueryParam("created_before") @Nullable String createdBefore,
      @QueryParam("cursor") @Nullable String cursor,
      @Context HttpServerRequest request) {
    String tenant = caller.tenant();
    TaskRange range =
        new TaskRange(
            cursor == null || cursor.isEmpty() ? null : exports.position(tenant, cursor),
            Parameters.time("created_after", createdAfter),
            Parameters.time("created_before", createdBefore));
    Runnable cut = () -> cut(request);
    return exports.begin(tenant, range, calls::whileAllowed, cut);
  }

  /** What ends otherwise than HTTP ends an answer is taken for whole by no client. */
  private static void cut(HttpServerRequest request) {
    if (request.version() == HttpVersion.HTTP_2) {
      request.response().reset();
    } else {
      request.connection().close();
    }
  }
}
