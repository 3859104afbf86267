package io.klingtracker.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** The native API's reads of tasks. */
@Path("/v1/tasks")
@Produces(MediaType.APPLICATION_JSON)
public class TaskResource {

  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;

  private final Tasks tasks;
  private final CurrentCaller caller;

  @Inject
  TaskResource(Tasks tasks, CurrentCaller caller) {
    this.tasks = tasks;
    this.caller = caller;
  }

  /** A page of tasks and where the next begins. */
  public record Page(
      List<TaskView> tasks, @JsonProperty("next_cursor") @Nullable String nextCursor) {}

  /** One task by our id, the caller's or Kling's. */
  @GET
  @Path("/{id}")
  @Operation(summary = "One task")
  public TaskView get(@PathParam("id") String id) {
    return TaskView.of(find(id));
  }

  /** Everything that was heard of a task, applied or not. */
  @GET
  @Path("/{id}/timeline")
  @Operation(summary = "A task's history")
  public TimelineView timeline(@PathParam("id") String id) {
    return TimelineView.of(tasks.timeline(find(id)));
  }

  /** The caller's tasks, newest first. */
  @GET
  @Operation(summary = "List tasks")
  public Page list(
      @QueryParam("status") @Nullable String status,
      @QueryParam("kind") @Nullable String kind,
      @QueryParam("model") @Nullable String model,
      @QueryParam("external_task_id") @Nullable String externalTaskId,
      @QueryParam("created_after") @Nullable String createdAfter,
      @QueryParam("created_before") @Nullable String createdBefore,
      @QueryParam("limit") @Nullable String limit,
      @QueryParam("cursor") @Nullable String cursor) {
    TaskFilter filter =
        new TaskFilter(
            kind,
            status(status),
            model,
            externalTaskId,
            time("created_after", createdAfter),
            time("created_before", createdBefore));
    if (cursor != null && !TaskId.isTaskId(cursor)) {
      throw invalid("cursor is not one that we gave; leave it out to begin with the newest");
    }
    int size = limit(limit);
    List<Task> page = tasks.page(caller.tenant(), filter, cursor, size);
    String next = page.size() < size ? null : page.get(page.size() - 1).id();
    return new Page(page.stream().map(TaskView::of).toList(), next);
  }

  private Task find(String id) {
    return tasks
        .findByAnyId(caller.tenant(), id)
        .orElseThrow(
            () -> new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id));
  }

  private static @Nullable TaskStatus status(@Nullable String word) {
    try {
      return word == null ? null : TaskStatus.of(word);
    } catch (IllegalArgumentException e) {
      throw invalid(
          "status '"
              + word
              + "' is none of queued, submitted, processing, expired, succeed, failed, canceled");
    }
  }

  private static @Nullable Instant time(String name, @Nullable String value) {
    try {
      return value == null ? null : Instant.parse(value);
    } catch (DateTimeParseException e) {
      throw invalid(name + " must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
  }

  private static int limit(@Nullable String value) {
    if (value == null) {
      return DEFAULT_LIMIT;
    }
    try {
      int limit = Integer.parseInt(value);
      if (limit >= 1 && limit <= MAX_LIMIT) {
        return limit;
      }
    } catch (NumberFormatException e) {
      // The refusal below says what is expected.
    }
    throw invalid("limit must be 1 to " + MAX_LIMIT);
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
