package io.klingtracker.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Metadata;
import io.klingtracker.request.ParameterFamily;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Cursors;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskBatch;
import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.TaskPage;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.UriInfo;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.ParameterIn;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** The native API's reads of many tasks. */
@Path("/v1/tasks")
@Tag(ref = "Task Resource")
@Produces(MediaType.APPLICATION_JSON)
public class TaskListResource {

  private static final String LIST = "tasks";
  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;
  private static final int MAX_BATCH = 200;
  private static final List<String> STATUSES =
      Arrays.stream(TaskStatus.values()).map(TaskStatus::wireName).toList();

  private final Tasks tasks;
  private final Cursors cursors;
  private final CurrentCaller caller;

  @Inject
  TaskListResource(Tasks tasks, Cursors cursors, CurrentCaller caller) {
    this.tasks = tasks;
    this.cursors = cursors;
    this.caller = caller;
  }

  /** A page of tasks and where the next begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Page2")
  public record Page(List<TaskView> tasks, @Nullable String nextCursor) {}

  /** Which tasks are asked for. */
  public record Batch(@Nullable List<@Nullable String> ids) {}

  /**
   * What was found, in the order asked for, and what was not.
   *
   * @param leftOut ids of tasks for which the answer has no room: ask for them again
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Found(
      List<TaskView> tasks,
      List<String> notFound,
      @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> leftOut) {}

  /** The caller's tasks, newest first. */
  @GET
  @Needs(Scope.READ)
  @ParameterFamily(Metadata.FILTER)
  @Operation(summary = "List tasks")
  @Parameter(
      name = "meta.<key>",
      in = ParameterIn.QUERY,
      description = "the text that metadata has under this key; repeatable, all must match",
      schema = @Schema(type = SchemaType.STRING))
  public Page list(
      @QueryParam("status") @Nullable String status,
      @QueryParam("kind") @Nullable String kind,
      @QueryParam("model") @Nullable String model,
      @QueryParam("external_task_id") @Nullable String externalTaskId,
      @QueryParam("created_after") @Nullable String createdAfter,
      @QueryParam("created_before") @Nullable String createdBefore,
      @QueryParam("limit") @Nullable String limit,
      @QueryParam("cursor") @Nullable String cursor,
      @Context UriInfo uri) {
    TaskFilter filter =
        new TaskFilter(
            tasks.knownKind(caller.tenant(), Parameters.text("kind", Parameters.given(kind))),
            status(status),
            Parameters.text("model", Parameters.given(model)),
            Parameters.text("external_task_id", Parameters.given(externalTaskId)),
            Parameters.time("created_after", createdAfter),
            Parameters.time("created_before", createdBefore),
            Metadata.filter(uri.getQueryParameters()).stream()
                .map(pair -> new TaskFilter.Label(pair.key(), pair.value()))
                .toList());
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    // One more than shown decides whether there is a next page.
    TaskPage page = tasks.page(caller.tenant(), filter, position(cursor), size + 1);
    List<Task> read = page.tasks();
    boolean more = page.cut() || read.size() > size;
    List<Task> shown = read.subList(0, Math.min(size, read.size()));
    return new Page(
        shown.stream().map(TaskView::of).toList(),
        more ? cursors.seal(LIST, caller.tenant(), shown.get(shown.size() - 1).id()) : null);
  }

  /** Several tasks at once, by ids of any sort. */
  @POST
  @Needs(Scope.READ)
  @Path("/batch")
  @Operation(summary = "Several tasks by their ids")
  public Found batch(@Nullable Batch batch) {
    List<@Nullable String> ids = batch == null ? null : batch.ids();
    if (ids == null || ids.size() > MAX_BATCH || ids.stream().anyMatch(Objects::isNull)) {
      throw Parameters.invalid("send {\"ids\": […]} with at most " + MAX_BATCH + " texts");
    }
    List<String> asked = ids.stream().map(String::valueOf).distinct().toList();
    asked.forEach(id -> Parameters.text("ids", id));
    TaskBatch batched = tasks.findAll(caller.tenant(), asked);
    Map<String, Task> found = batched.tasks();
    List<String> leftOut = batched.leftOut();
    return new Found(
        asked.stream()
            .map(found::get)
            .filter(Objects::nonNull)
            .map(task -> TaskView.of(Objects.requireNonNull(task)))
            .toList(),
        asked.stream().filter(id -> !found.containsKey(id) && !leftOut.contains(id)).toList(),
        asked.stream().filter(leftOut::contains).toList());
  }

  private static @Nullable TaskStatus status(@Nullable String word) {
    String known = Parameters.word("status", word, STATUSES);
    return known == null ? null : TaskStatus.of(known);
  }

  private @Nullable String position(@Nullable String cursor) {
    return cursor == null || cursor.isEmpty()
        ? null
        : cursors.open(LIST, caller.tenant(), cursor).orElseThrow(Parameters::foreignCursor);
  }
}
