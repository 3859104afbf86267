package io.klingtracker.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.loops.SetAside;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Cursors;
import io.klingtracker.tenant.Admin;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** What loops could not process: seen, and tried again once the reason is gone. */
@Path("/admin/v1/set-aside")
@Produces(MediaType.APPLICATION_JSON)
public class SetAsideResource {

  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;
  private static final String LIST = "set-aside";
  private static final String EVERYBODY = "";

  private final SetAside setAside;
  private final Cursors cursors;

  @Inject
  SetAsideResource(SetAside setAside, Cursors cursors) {
    this.setAside = setAside;
    this.cursors = cursors;
  }

  /**
   * One item.
   *
   * @param id its kind and its key, as in {@code callback:123} or {@code event:task_…}
   * @param attempts how often it had failed when it was set aside
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record ItemView(
      String id,
      String kind,
      String reason,
      int attempts,
      String at,
      @Nullable String taskId,
      @Nullable String tenant) {

    static ItemView of(SetAside.Item item) {
      return new ItemView(
          item.id(),
          item.kind(),
          item.reason(),
          item.attempts(),
          Rfc3339.format(item.at()),
          item.taskId(),
          item.tenant());
    }
  }

  /** Items, oldest first, and where the next page begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Page1")
  public record Page(List<ItemView> items, @Nullable String nextCursor) {}

  /** All of them, or of one kind. */
  @GET
  @Admin
  @Operation(summary = "What could not be processed and waits for an administrator")
  public Page page(
      @QueryParam("kind") @Nullable String kind,
      @QueryParam("cursor") @Nullable String cursor,
      @QueryParam("limit") @Nullable String limit) {
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    List<SetAside.Item> page = setAside.page(Parameters.text("kind", kind), position(cursor), size);
    return new Page(
        page.stream().map(ItemView::of).toList(),
        page.size() < size ? null : cursor(SetAside.Position.behind(page.get(size - 1))));
  }

  /** Puts an item back into its queue, due now. */
  @POST
  @Admin
  @Path("/{id}/retry")
  @Operation(summary = "Try again what was set aside")
  @APIResponse(responseCode = "204", description = "back in its queue")
  public void retry(@PathParam("id") String id) {
    Parameters.text("id", id);
    if (!setAside.retry(id)) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "nothing of this id is set aside");
    }
  }

  private String cursor(SetAside.Position position) {
    return cursors.seal(
        LIST, EVERYBODY, position.at() + " " + position.kind() + " " + position.key());
  }

  private SetAside.Position position(@Nullable String cursor) {
    if (cursor == null || cursor.isEmpty()) {
      return SetAside.Position.START;
    }
    return cursors
        .open(LIST, EVERYBODY, cursor)
        .map(text -> text.split(" ", 3))
        .map(parts -> new SetAside.Position(Instant.parse(parts[0]), parts[1], parts[2]))
        .orElseThrow(() -> Parameters.invalid("cursor is not one of this list"));
  }
}
