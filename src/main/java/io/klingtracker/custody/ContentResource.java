package io.klingtracker.custody;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.custody.CustodyStore.Kept;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.storage.Storage;
import io.klingtracker.task.Task;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.klingtracker.tenant.Suspensions;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.resteasy.reactive.PathPart;
import org.jspecify.annotations.Nullable;

/** The content of results: our copy, else Kling's own. */
@Path("/v1/tasks/{id}")
public class ContentResource {

  private static final int LAST = ResultItem.MAX - 1;

  /** Of links to what is in a bucket: long enough to begin to fetch it. */
  static final Duration LINK = Duration.ofMinutes(15);

  private final Tasks tasks;
  private final CustodyStore store;
  private final CustodyLifecycle custody;
  private final ContentLinks links;
  private final Downloads downloads;
  private final CurrentCaller caller;
  private final Suspensions suspensions;
  private final @Nullable String publicBase;
  private final Clock clock;

  @Inject
  ContentResource(
      Tasks tasks,
      CustodyStore store,
      CustodyLifecycle custody,
      ContentLinks links,
      Downloads downloads,
      CurrentCaller caller,
      Suspensions suspensions,
      CustodyConfig config,
      Clock clock) {
    this.tasks = tasks;
    this.store = store;
    this.custody = custody;
    this.links = links;
    this.downloads = downloads;
    this.caller = caller;
    this.suspensions = suspensions;
    this.publicBase =
        config.publicBase().map(base -> base.toString().replaceAll("/+$", "") + "/").orElse(null);
    this.clock = clock;
  }

  /**
   * A link to a result's content that needs no key.
   *
   * @param url for anybody who has it
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Link(String url, String expiresAt) {}

  /** One of a task's results, by a key or by a signed link. */
  @GET
  @Path("/content")
  @Needs(value = Scope.READ, orSignature = true)
  @Produces(MediaType.WILDCARD)
  @Operation(summary = "The content of a task's result")
  @APIResponse(
      responseCode = "200",
      description = "our copy",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_OCTET_STREAM,
              schema = @Schema(type = SchemaType.STRING, format = "binary")))
  @APIResponse(
      responseCode = "206",
      description = "a part of our copy, as Range says",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_OCTET_STREAM,
              schema = @Schema(type = SchemaType.STRING, format = "binary")))
  @APIResponse(responseCode = "302", description = "Location is where the content is")
  @APIResponse(responseCode = "304", description = "as If-None-Match knows it")
  public Response content(
      @PathParam("id") String id,
      @QueryParam("index") @Nullable String index,
      @QueryParam("expires") @Nullable String expires,
      @QueryParam("signature") @Nullable String signature,
      @HeaderParam("Range") @Nullable String range,
      @HeaderParam("If-Range") @Nullable String ifRange,
      @HeaderParam("If-None-Match") @Nullable String ifNoneMatch) {
    int which = Parameters.number("index", index, 0, 0, LAST);
    String tenant = caller.isKnown() ? caller.tenant() : signedFor(id, which, expires, signature);
    Optional<Task> task = tasks.findByAnyId(tenant, id);
    String taskId = task.map(Task::id).orElse(id);
    Optional<Storage> storage = custody.storage();
    Optional<Kept> copy =
        storage.isPresent() ? store.copy(tenant, taskId, which) : Optional.empty();
    ContentPlace content = ContentPlace.of(task.orElse(null), which, copy, clock.instant());
    if (content instanceof ContentPlace.AtKling kling) {
      return elsewhere(kling.url());
    }
    Kept kept = ((ContentPlace.Copy) content).kept();
    String tag = "\"" + kept.sha256() + "\"";
    if (ifNoneMatch != null && (ifNoneMatch.contains(tag) || ifNoneMatch.strip().equals("*"))) {
      return headers(Response.notModified(), tag).build();
    }
    return file(
        storage.orElseThrow(),
        kept,
        tag,
        ifRange == null || ifRange.strip().equals(tag) ? range : null,
        tenant);
  }

  private Response file(
      Storage storage, Kept kept, String tag, @Nullable String range, String tenant) {
    if (publicBase != null) {
      return elsewhere(publicBase + kept.object());
    }
    Storage.Place place = storage.place(kept.object(), LINK);
    if (place instanceof Storage.Link link) {
      return elsewhere(link.url().toString());
    }
    java.nio.file.Path path = ((Storage.StoredFile) place).path();
    if (!Files.isReadable(path)) {
      throw new ProblemException(
          ErrorCode.CONTENT_GONE, "the copy of the result is not where it was kept");
    }
    ByteRange bytes = ByteRange.of(range, kept.bytes());
    if (bytes == null) {
      return headers(Response.status(Response.Status.REQUESTED_RANGE_NOT_SATISFIABLE), tag)
          .header("Content-Range", "bytes */" + kept.bytes())
          .build();
    }
    downloads.begin(tenant);
    Response.ResponseBuilder answer =
        headers(Response.status(bytes.partial() ? 206 : 200), tag)
            .type(kept.type())
            // For HEAD, which writes no file.
            .header("Content-Length", bytes.length())
            .entity(new PathPart(path, bytes.start(), bytes.length()));
    return bytes.partial()
        ? answer
            .header(
                "Content-Range",
                "bytes %s-%s/%s"
                    .formatted(bytes.start(), bytes.start() + bytes.length() - 1, kept.bytes()))
            .build()
        : answer.build();
  }

  private static Response elsewhere(String url) {
    return Response.status(Response.Status.FOUND)
        .header("Location", url)
        .header("Cache-Control", "private, no-store")
        .build();
  }

  private static Response.ResponseBuilder headers(Response.ResponseBuilder answer, String tag) {
    return answer
        .header("ETag", tag)
        .header("Accept-Ranges", "bytes")
        .header("Cache-Control", "private, no-cache");
  }

  /** Whose task a signed link is to. */
  private String signedFor(
      String id, int index, @Nullable String expires, @Nullable String signature) {
    long end = Parameters.whole("expires", expires, 0, 0, Long.MAX_VALUE);
    if (signature == null || !links.isSigned(id, index, end, signature)) {
      throw new ProblemException(
          ErrorCode.AUTHORIZATION_INVALID,
          "the link is not one that we gave, or it has ended; ask POST /v1/tasks/{id}/content-link for another");
    }
    String owner =
        store
            .owner(id)
            .orElseThrow(
                () -> new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id));
    suspensions.check(owner);
    return owner;
  }

  /** A link to one of a task's results for somebody without a key. */
  @POST
  @Path("/content-link")
  @Needs(Scope.READ)
  @Produces(MediaType.APPLICATION_JSON)
  @Operation(summary = "A link to a result's content that works for an hour, without a key")
  public Link link(@PathParam("id") String id, @QueryParam("index") @Nullable String index) {
    int which = Parameters.number("index", index, 0, 0, LAST);
    String tenant = caller.tenant();
    Optional<Task> task = tasks.findByAnyId(tenant, id);
    String taskId = task.map(Task::id).orElse(id);
    // A link that leads nowhere is not given away.
    ContentPlace.of(task.orElse(null), which, store.copy(tenant, taskId, which), clock.instant());
    ContentLinks.Signed signed = links.sign(taskId, which);
    return new Link(signed.url(), Rfc3339.format(signed.expiresAt()));
  }
}
