package io.klingtracker.dispatch;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.QueueView;
import io.klingtracker.upstream.QueueView.ExplainedTask;
import io.klingtracker.upstream.QueueView.QueueStatus;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** What a caller can ask and do about a task that has not reached Kling yet. */
@Path("/v1/tasks/{id}")
@Produces(MediaType.APPLICATION_JSON)
public class QueueResource {

  private final Tasks tasks;
  private final QueueView queue;
  private final CurrentCaller caller;

  @Inject
  QueueResource(Tasks tasks, QueueView queue, CurrentCaller caller) {
    this.tasks = tasks;
    this.queue = queue;
    this.caller = caller;
  }

  /** Why a task is where it is. Every key is always there. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Explanation(
      String taskId,
      String status,
      String reason,
      @Nullable String next,
      @Nullable String nextAt,
      @Nullable Integer queuePosition,
      boolean queuePositionIsAtLeast,
      @Nullable String estimatedDispatchAt,
      @Nullable String estimatedFinishAt,
      @Nullable String deadlineAt,
      @Nullable String account,
      @Nullable String upstreamModel,
      int attempts) {}

  /** Why it is where it is, what happens next and when, and its place in the queue. */
  @GET
  @Needs(Scope.READ)
  @Path("/explain")
  @Operation(summary = "Why a task is where it is, and what happens next")
  public Explanation explain(@PathParam("id") String id) {
    ExplainedTask found = queue.explain(caller.tenant(), id).orElseThrow(() -> none(id));
    Task task = found.task();
    QueueStatus queueStatus = found.queueStatus();
    return new Explanation(
        task.id(),
        task.status().wireName(),
        queueStatus.reason(),
        queueStatus.next(),
        time(queueStatus.nextAt()),
        queueStatus.position(),
        queueStatus.positionIsAtLeast(),
        time(queueStatus.estimatedDispatchAt()),
        time(queueStatus.estimatedFinishAt()),
        time(queueStatus.deadlineAt()),
        task.account(),
        task.upstreamModel(),
        queueStatus.attempts());
  }

  /** Withdraws a task for which nothing has been sent. */
  @POST
  @Needs(Scope.SUBMIT)
  @Path("/cancel")
  @Operation(summary = "Cancel a task that waits in the queue")
  public TaskView cancel(@PathParam("id") String id) {
    Task task = find(id);
    if (!queue.cancel(task.id())) {
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "the task cannot be canceled any more: it was sent to Kling or has ended");
    }
    return TaskView.of(find(task.id()));
  }

  private Task find(String id) {
    return tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
  }

  private static ProblemException none(String id) {
    return new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id);
  }

  private static @Nullable String time(@Nullable Instant time) {
    return time == null ? null : Rfc3339.format(time);
  }
}
