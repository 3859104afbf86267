package io.klingtracker.dispatch;

import io.klingtracker.request.CountedAct;
import io.klingtracker.task.TaskSelection;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.klingtracker.upstream.QueueView;
import jakarta.inject.Inject;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import java.util.Objects;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** Withdraws many of a tenant's tasks at once. */
@Path("/v1/tasks/cancel")
@Produces(MediaType.APPLICATION_JSON)
public class BulkCancelResource {

  private static final List<TaskStatus> QUEUED = List.of(TaskStatus.QUEUED);

  /** Tasks in one transaction, which holds their rows. */
  private static final int BATCH = 200;

  private final Tasks tasks;
  private final QueueView queue;
  private final CurrentCaller caller;

  @Inject
  BulkCancelResource(Tasks tasks, QueueView queue, CurrentCaller caller) {
    this.tasks = tasks;
    this.queue = queue;
    this.caller = caller;
  }

  /** Counts tasks for which nothing was sent, and withdraws them once their number is confirmed. */
  @POST
  @Needs(Scope.SUBMIT)
  @Operation(summary = "Cancel the tasks that wait in the queue and match; counts first")
  public CountedAct.Answer cancel(TaskSelection.@Nullable Request request) {
    String tenant = caller.tenant();
    TaskSelection selection = tasks.selection(tenant, request, QUEUED);
    List<String> queued = tasks.select(tenant, selection, QUEUED, CountedAct.MOST + 1);
    return CountedAct.of(
        Objects.requireNonNull(request).confirm(), queue.waiting(queued), this::withdraw);
  }

  private int withdraw(List<String> taskIds) {
    int done = 0;
    for (int from = 0; from < taskIds.size(); from += BATCH) {
      done += queue.cancel(taskIds.subList(from, Math.min(from + BATCH, taskIds.size())));
    }
    return done;
  }
}
