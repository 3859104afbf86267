package io.klingtracker.api;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Cursors;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.Timeline;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.OpenCalls;
import io.klingtracker.tenant.Scope;
import io.klingtracker.upstream.QueueView;
import io.klingtracker.upstream.QueueView.QueueStatus;
import io.klingtracker.upstream.QueueView.TaskInQueue;
import io.klingtracker.watch.LongPoll;
import io.klingtracker.watch.LongPollConfig;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.function.Predicate;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** The native API's reads of one task. */
@Path("/v1/tasks")
@Produces(MediaType.APPLICATION_JSON)
public class TaskResource {

  private static final String TIMELINE = "timeline/";

  private final Tasks tasks;
  private final QueueView queue;
  private final FinalTasks finals;
  private final LongPoll longPoll;
  private final Cursors cursors;
  private final CurrentCaller caller;
  private final OpenCalls calls;
  private final int maxWait;

  @Inject
  TaskResource(
      Tasks tasks,
      QueueView queue,
      FinalTasks finals,
      LongPoll longPoll,
      Cursors cursors,
      CurrentCaller caller,
      OpenCalls calls,
      LongPollConfig config) {
    this.calls = calls;
    this.tasks = tasks;
    this.queue = queue;
    this.finals = finals;
    this.longPoll = longPoll;
    this.cursors = cursors;
    this.caller = caller;
    this.maxWait = Math.toIntExact(config.maxWait().toSeconds());
  }

  /**
   * One task by our id, the caller's or Kling's; with {@code wait}, once it has changed past {@code
   * after}.
   */
  @GET
  @Needs(Scope.READ)
  @Path("/{id}")
  @NonBlocking
  @Operation(summary = "One task, now or at its next change")
  @APIResponse(
      responseCode = "200",
      description = "as it is",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TaskView.class)))
  @APIResponse(responseCode = "304", description = "as If-None-Match knows it")
  public Uni<Response> get(
      @PathParam("id") String id,
      @QueryParam("wait") @Nullable String wait,
      @QueryParam("after") @Nullable String after,
      @HeaderParam("If-None-Match") @Nullable String ifNoneMatch) {
    Duration most = Duration.ofSeconds(Parameters.number("wait", wait, 0, 0, maxWait));
    int past = Parameters.number("after", after, -1, 0, Integer.MAX_VALUE);
    String tenant = caller.tenant();
    FinalTasks.Answer ended = finals.get(tenant, id);
    if (ended != null) {
      // In the thread that read the request: to change it would cost more than all the rest.
      return Uni.createFrom().item(answer(ended.tag(), ended.body(), ifNoneMatch));
    }
    Asked asked = new Asked(id, ifNoneMatch, finals.moment());
    Uni<Response> answer =
        Uni.createFrom()
            .item(() -> queue.find(tenant, id).orElseThrow(() -> none(id)))
            .runSubscriptionOn(Infrastructure.getDefaultExecutor())
            .chain(found -> answer(asked, found, past, most));
    return most.isZero() ? answer : calls.whileAllowed(answer);
  }

  /** Everything that was received about a task, applied or not. */
  @GET
  @Needs(Scope.READ)
  @Path("/{id}/timeline")
  @Operation(summary = "A task's history")
  public TimelineView timeline(
      @PathParam("id") String id,
      @QueryParam("limit") @Nullable String limit,
      @QueryParam("cursor") @Nullable String cursor) {
    int size = Parameters.number("limit", limit, Tasks.MAX_TIMELINE, 1, Tasks.MAX_TIMELINE);
    Task task = find(id);
    String list = TIMELINE + task.id();
    Timeline part = tasks.timeline(task, position(list, cursor), size);
    String next = part.next();
    return new TimelineView(
        part.entries(), next == null ? null : cursors.seal(list, caller.tenant(), next));
  }

  private @Nullable String position(String list, @Nullable String cursor) {
    if (cursor == null || cursor.isEmpty()) {
      return null;
    }
    return cursors.open(list, caller.tenant(), cursor).orElseThrow(Parameters::foreignCursor);
  }

  /**
   * What is asked for.
   *
   * @param moment of {@link FinalTasks} before it is read
   */
  private record Asked(String id, @Nullable String ifNoneMatch, long moment) {}

  private Uni<Response> answer(Asked asked, TaskInQueue found, int past, Duration most) {
    Task task = found.task();
    if (most.isZero()) {
      return Uni.createFrom()
          .item(
              task.status() == TaskStatus.QUEUED
                  ? answer(view(task, found.queueStatus()))
                  : answer(asked, task));
    }
    int seen = past < 0 ? task.sequence() : past;
    Predicate<Task> news = now -> now.sequence() > seen || now.status().isFinal();
    return longPoll.until(task, news, most).map(waited -> answer(asked, waited.task()));
  }

  /** What waits in our queue shows its place there, which moves without a change of the task. */
  private Response answer(Asked asked, Task task) {
    if (task.status() == TaskStatus.QUEUED) {
      return answer(TaskView.of(task));
    }
    if (task.status().isFinal()) {
      FinalTasks.Answer ended = finals.keep(asked.id(), task, asked.moment());
      return answer(ended.tag(), ended.body(), asked.ifNoneMatch());
    }
    return answer(FinalTasks.tag(task), TaskView.of(task), asked.ifNoneMatch());
  }

  private static Response answer(String tag, Object entity, @Nullable String ifNoneMatch) {
    Response.ResponseBuilder answer =
        ifNoneMatch != null && (ifNoneMatch.contains(tag) || ifNoneMatch.strip().equals("*"))
            ? Response.notModified()
            : Response.ok(entity);
    return answer.header("ETag", tag).header("Cache-Control", "private, no-cache").build();
  }

  private static TaskView view(Task task, @Nullable QueueStatus queueStatus) {
    return queueStatus == null
        ? TaskView.of(task)
        : TaskView.of(
            task,
            queueStatus.position(),
            queueStatus.estimatedDispatchAt(),
            queueStatus.estimatedFinishAt());
  }

  private static Response answer(TaskView view) {
    return Response.ok(view).header("Cache-Control", "private, no-cache").build();
  }

  private Task find(String id) {
    return tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
  }

  private static ProblemException none(String id) {
    return new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id);
  }
}
