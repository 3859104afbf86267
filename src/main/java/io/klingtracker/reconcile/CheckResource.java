package io.klingtracker.reconcile;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.OpenCalls;
import io.klingtracker.tenant.Scope;
import io.klingtracker.watch.LongPoll;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Duration;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** Has Kling asked about a task at once. */
@Path("/v1/tasks/{id}/check")
@Produces(MediaType.APPLICATION_JSON)
public class CheckResource {

  /** How long an answer waits for a change that Kling's answer brings. */
  static final Duration WAIT = Duration.ofSeconds(5);

  private final Tasks tasks;
  private final Hastening hastening;
  private final LongPoll longPoll;
  private final OpenCalls calls;
  private final CurrentCaller caller;

  @Inject
  CheckResource(
      Tasks tasks, Hastening hastening, LongPoll longPoll, OpenCalls calls, CurrentCaller caller) {
    this.tasks = tasks;
    this.hastening = hastening;
    this.longPoll = longPoll;
    this.calls = calls;
    this.caller = caller;
  }

  /**
   * The task once it has changed, or as it is when Kling says nothing new; an ended one as it is.
   */
  @POST
  @Needs(Scope.READ)
  @Blocking
  @Operation(summary = "Ask Kling about a task now")
  public Uni<TaskView> check(@PathParam("id") String id) {
    Task task =
        tasks
            .findByAnyId(caller.tenant(), id)
            .orElseThrow(
                () -> new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id));
    if (task.status().isFinal()) {
      return Uni.createFrom().item(TaskView.of(task));
    }
    hastening.ask(task.id());
    return calls.whileAllowed(
        longPoll
            .until(task, now -> now.sequence() > task.sequence(), WAIT)
            .map(waited -> TaskView.of(waited.task())));
  }
}
