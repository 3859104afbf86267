package io.klingtracker.counts;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.counts.SumStore.Filter;
import io.klingtracker.request.Nearest;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.Arrays;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** How many tasks the caller's tenant has. */
@Path("/v1/tasks")
@Tag(ref = "Task Resource")
@Produces(MediaType.APPLICATION_JSON)
public class CountsResource {

  private static final int MAX_LINES = 10_000;
  private static final List<String> STATUSES =
      Arrays.stream(TaskStatus.values()).map(TaskStatus::wireName).toList();

  private final SumStore store;
  private final CurrentCaller caller;

  @Inject
  CountsResource(SumStore store, CurrentCaller caller) {
    this.store = store;
    this.caller = caller;
  }

  /**
   * How many tasks have a status, those that retention has removed among them.
   *
   * @param model null for tasks without one
   */
  public record Count(String status, String kind, @Nullable String model, long count) {}

  /** All counts that are not zero. */
  public record Counts(List<Count> counts) {}

  /** From sums that are a few seconds old, however many tasks there are. */
  @GET
  @Needs(Scope.READ)
  @Path("/counts")
  @Operation(summary = "How many tasks, by status, kind and model")
  public Counts counts(
      @QueryParam("status") @Nullable String status,
      @QueryParam("kind") @Nullable String kind,
      @QueryParam("model") @Nullable String model,
      @Parameter(
              description = "tasks created in this hour of UTC or later",
              schema = @Schema(type = SchemaType.STRING))
          @QueryParam("since")
          @Nullable String since) {
    String word = Parameters.word("status", status, STATUSES);
    Filter filter =
        new Filter(
            word == null ? null : TaskStatus.of(word),
            kind(kind),
            Parameters.text("model", Parameters.given(model)),
            Parameters.time("since", since));
    List<Count> counts = store.counts(caller.tenant(), filter, MAX_LINES + 1);
    if (counts.size() > MAX_LINES) {
      throw Parameters.invalid(
          "there are more than " + MAX_LINES + " counts; ask for one kind or model");
    }
    return new Counts(counts);
  }

  /** A kind of ours, or any that was ever stored. */
  private @Nullable String kind(@Nullable String word) {
    String kind = Parameters.text("kind", Parameters.given(word));
    if (kind != null
        && Catalog.current().ofName(kind).isEmpty()
        && !store.hasKind(caller.tenant(), kind)) {
      List<String> known = Catalog.current().kinds().stream().map(Kind::name).toList();
      throw Parameters.invalid(
          "unknown kind %s; %s".formatted(Nearest.shown(kind), Nearest.hint(kind, known)));
    }
    return kind;
  }
}
