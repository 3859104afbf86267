package io.klingtracker.retention;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.CountedAct;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskSelection;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.AuditLog;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import java.util.Objects;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** Erasure of a tenant's own tasks. */
@Path("/v1/tasks")
@Produces(MediaType.APPLICATION_JSON)
public class ErasureResource {

  private final Erasure erasure;
  private final Tasks tasks;
  private final AuditLog audit;
  private final CurrentCaller caller;

  @Inject
  ErasureResource(Erasure erasure, Tasks tasks, AuditLog audit, CurrentCaller caller) {
    this.erasure = erasure;
    this.tasks = tasks;
    this.audit = audit;
    this.caller = caller;
  }

  /** Erases one task that has ended. */
  @DELETE
  @Needs(Scope.ERASE)
  @Path("/{id}")
  @Operation(summary = "Erase a task that has ended")
  @APIResponse(responseCode = "204", description = "erased")
  public void erase(@PathParam("id") String id) {
    Task task = tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
    // Our own id: another one may be what is to be erased.
    String path = "/v1/tasks/" + task.id();
    String actor = caller.tenant() + " " + caller.name();
    int erased =
        erasure.erase(
            List.of(task.id()), (handle, count) -> audit.did(handle, actor, "DELETE", path, null));
    if (erased == 0) {
      if (tasks.find(caller.tenant(), task.id()).isEmpty()) {
        throw none(id);
      }
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "the task has not ended; cancel it while it waits, or erase it when it has ended");
    }
  }

  /** Counts tasks, and erases them once their number is confirmed. */
  @POST
  @Needs(Scope.ERASE)
  @Path("/erase")
  @Operation(summary = "Erase the tasks that ended and match; counts first")
  public CountedAct.Answer eraseAll(TaskSelection.@Nullable Request request) {
    String tenant = caller.tenant();
    TaskSelection selection = tasks.selection(tenant, request, TaskStatus.ENDED);
    String actor = tenant + " " + caller.name();
    String by = " by " + String.join(", ", selection.named());
    return CountedAct.of(
        Objects.requireNonNull(request).confirm(),
        tasks.select(tenant, selection, TaskStatus.ENDED, CountedAct.MOST + 1),
        ids ->
            erasure.eraseAll(
                ids,
                (handle, count) ->
                    audit.did(handle, actor, "POST", "/v1/tasks/erase", count + " tasks" + by)));
  }

  private static ProblemException none(String id) {
    return new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id);
  }
}
