package io.klingtracker.api;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.rules.Kind;
import io.klingtracker.rules.Kinds;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
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
import org.jspecify.annotations.Nullable;

/**
 * Kling's own routes: create, ask for one, list. A client written for Kling changes its base URL
 * and key.
 */
@Path("/kling/v1")
@Produces(MediaType.APPLICATION_JSON)
public class KlingResource {

  private static final int MAX_PAGE_NUMBER = 1000;
  private static final int MAX_PAGE_SIZE = 500;
  private static final int DEFAULT_PAGE_SIZE = 30;

  private final Submissions submissions;
  private final Tasks tasks;
  private final CurrentCaller caller;

  @Inject
  KlingResource(Submissions submissions, Tasks tasks, CurrentCaller caller) {
    this.submissions = submissions;
    this.tasks = tasks;
    this.caller = caller;
  }

  /** Takes a task; the answer comes after it is durable. */
  @POST
  @Path("/{path: .+}")
  @Consumes(MediaType.WILDCARD)
  @Operation(summary = "Create a task")
  public Response create(
      @PathParam("path") String path,
      @HeaderParam("Idempotency-Key") @Nullable String idempotencyKey,
      @HeaderParam("Tracker-Priority") @Nullable String priority,
      @HeaderParam("Tracker-Deadline") @Nullable String deadline,
      byte[] body) {
    Kind kind = Kinds.ofPath(path).orElseThrow(() -> unknown(path));
    Submissions.Accepted accepted =
        submissions.submit(
            caller.tenant(),
            kind,
            body,
            new Submissions.Options(idempotencyKey, priority, deadline));
    Response.ResponseBuilder answer = Response.ok(accepted.answer());
    return (accepted.replayed() ? answer.header("Idempotent-Replayed", "true") : answer).build();
  }

  /** One task by our id or the caller's, or a page of a kind's tasks, newest first. */
  @GET
  @Path("/{path: .+}")
  @Operation(summary = "Ask for one task, or list tasks of a kind")
  public KlingEnvelope read(
      @PathParam("path") String path,
      @QueryParam("pageNum") @Nullable String pageNum,
      @QueryParam("pageSize") @Nullable String pageSize) {
    Kinds.Addressed addressed = Kinds.resolve(path).orElseThrow(() -> unknown(path));
    String id = addressed.id();
    return KlingEnvelope.of(
        UUID.randomUUID(),
        id == null
            ? list(
                addressed.kind(),
                number("pageNum", pageNum, 1, MAX_PAGE_NUMBER),
                number("pageSize", pageSize, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE))
            : one(addressed.kind(), id));
  }

  private KlingTask one(Kind kind, String id) {
    Task task =
        tasks
            .find(caller.tenant(), id)
            .filter(found -> found.kind().equals(kind.name()))
            .orElseThrow(
                () ->
                    new ProblemException(
                        ErrorCode.TASK_NOT_FOUND, "Task not found by id/external id: " + id));
    return KlingTask.of(task);
  }

  private List<KlingTask> list(Kind kind, int pageNumber, int pageSize) {
    return tasks
        .numberedPage(caller.tenant(), TaskFilter.ofKind(kind.name()), pageNumber, pageSize)
        .stream()
        .map(KlingTask::of)
        .toList();
  }

  private static int number(String name, @Nullable String value, int preset, int most) {
    if (value == null || value.isEmpty()) {
      return preset;
    }
    try {
      int number = Integer.parseInt(value);
      if (number >= 1 && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // The refusal below says what is expected.
    }
    throw new ProblemException(
        ErrorCode.INVALID_REQUEST,
        name + " value '" + value + "' is invalid: must be 1 to " + most);
  }

  private static ProblemException unknown(String path) {
    return new ProblemException(ErrorCode.NOT_FOUND, "no such path: /v1/" + path);
  }
}
