package io.klingtracker.callback;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** What Kling called us with about a task. */
@Path("/v1/tasks/{id}/callbacks")
@Produces(MediaType.APPLICATION_JSON)
public class CallbackResource {

  private final Tasks tasks;
  private final TaskCallbacks callbacks;
  private final CurrentCaller caller;

  @Inject
  CallbackResource(Tasks tasks, TaskCallbacks callbacks, CurrentCaller caller) {
    this.tasks = tasks;
    this.callbacks = callbacks;
    this.caller = caller;
  }

  /**
   * A task's callbacks, oldest first.
   *
   * @param leftOut how many of the newest there is no room for in an answer
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record CallbacksView(List<CallbackView> callbacks, int leftOut) {}

  /**
   * One callback, stored once however often it came.
   *
   * @param verdict {@code applied}, {@code pending}, or why it changed nothing
   * @param applied whether it moved the task
   * @param body to the letter, but for tokens of ours; bytes that are no UTF-8 are replaced
   */
  public record CallbackView(
      String at, String verdict, boolean applied, HeadersView headers, String body) {}

  /**
   * Its headers, as far as they are kept.
   *
   * @param signature which versions of a signature there were, without the signatures
   */
  public record HeadersView(
      @JsonProperty("webhook-id") @Nullable String id,
      @JsonProperty("webhook-timestamp") @Nullable String timestamp,
      @JsonProperty("webhook-signature") @Nullable String signature,
      @JsonProperty("content-type") @Nullable String contentType,
      @JsonProperty("user-agent") @Nullable String userAgent) {}

  /** Every authentic callback about a task, with its verdict. */
  @GET
  @Needs(Scope.READ)
  @Operation(summary = "Callbacks of Kling about a task")
  public CallbacksView list(@PathParam("id") String id) {
    return tasks
        .findByAnyId(caller.tenant(), id)
        .map(task -> callbacks.of(task.id()))
        .orElseThrow(
            () -> new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id));
  }
}
