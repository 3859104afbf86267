package io.klingtracker.klingapi;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.json.Body;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Metadata;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskPage;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.klingtracker.watch.LongPollConfig;
import io.smallrye.common.annotation.Blocking;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.jspecify.annotations.Nullable;

/** Kling's newer routes: the model in the path, tasks of every kind asked for in one place. */
@Path("/kling")
@Produces(MediaType.APPLICATION_JSON)
public class NewerResource {

  private static final int MAX_IDS = 20;

  /** Rows that one page may read to find those that its filters want. */
  private static final int MAX_STEPS = 10;

  private final BodyReader bodies;
  private final Submissions submissions;
  private final StoredAnswers answers;
  private final Tasks tasks;
  private final CurrentCaller caller;
  private final ObjectMapper json;
  private final Duration maxWait;
  private final Clock clock;

  @Inject
  NewerResource(
      BodyReader bodies,
      Submissions submissions,
      StoredAnswers answers,
      Tasks tasks,
      CurrentCaller caller,
      ObjectMapper json,
      LongPollConfig config,
      Clock clock) {
    this.bodies = bodies;
    this.submissions = submissions;
    this.answers = answers;
    this.tasks = tasks;
    this.caller = caller;
    this.json = json;
    this.maxWait = config.maxWait();
    this.clock = clock;
  }

  /** A page of tasks. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Listed(List<NewerTask> result, int count, String nextCursor, boolean hasMore) {}

  /** Kling's answer about packs, in its second envelope. */
  record Costs(
      int code, String msg, @JsonProperty("resource_pack_subscribe_infos") List<Object> packs) {}

  /**
   * Clients ask this to see whether they are let in. Packs are the operator's: a tenant has none,
   * and finds its units in {@code /v1/usage}.
   */
  @GET
  @Needs(Scope.READ)
  @Path("/account/costs")
  @Operation(summary = "The tenant's packs: none")
  public KlingEnvelope costs() {
    return envelope(new Costs(0, "success", List.of()));
  }

  /** Takes a task; the answer comes after it is durable. */
  @POST
  @Needs(Scope.SUBMIT)
  @Path("/{kind}/{model}")
  @Consumes(MediaType.WILDCARD)
  @Blocking
  @Operation(hidden = true)
  public CompletionStage<Response> create(
      @PathParam("kind") String kindPath,
      @PathParam("model") String model,
      @HeaderParam("Idempotency-Key") @Nullable String idempotencyKey,
      @HeaderParam("Tracker-Priority") @Nullable String priority,
      @HeaderParam("Tracker-Deadline") @Nullable String deadline,
      @HeaderParam(Metadata.HEADER) List<String> metadata,
      @HeaderParam("Tracker-Dry-Run") @Nullable String dryRun,
      @HeaderParam("Prefer") @Nullable String prefer) {
    Kind kind =
        Catalog.current()
            .ofPath(kindPath)
            .filter(known -> known.dialect() == Kind.Dialect.NEWER)
            .orElseThrow(
                () ->
                    new ProblemException(
                        ErrorCode.NOT_FOUND, "no such path: /" + kindPath + "/{model}"));
    Submissions.Options options =
        new Submissions.Options(idempotencyKey, priority, deadline, metadata);
    boolean dry = Submissions.isDryRun(dryRun);
    Duration wait = Preference.wait(prefer, maxWait);
    return bodies.read(
        kind.takesMedia(),
        sound -> {
          Submissions.SubmissionRequest request =
              new Submissions.SubmissionRequest(caller.tenant(), kind, model, sound);
          return dry
              ? CompletableFuture.completedFuture(
                  Response.ok(envelope(submissions.dryRun(request, options))).build())
              : submit(request, options, wait);
        });
  }

  /** Tasks by their ids; ids that name none of the caller's are left out. */
  @GET
  @Needs(Scope.READ)
  @Path("/tasks")
  @Operation(summary = "Tasks by id, newer generation")
  public KlingEnvelope byIds(
      @QueryParam("task_ids") @Nullable String taskIds,
      @QueryParam("external_task_ids") @Nullable String externalTaskIds) {
    boolean byTaskId = taskIds != null && !taskIds.isBlank();
    boolean byExternalId = externalTaskIds != null && !externalTaskIds.isBlank();
    if (byTaskId == byExternalId) {
      throw invalid("give exactly one of task_ids and external_task_ids, separated by commas");
    }
    List<String> ids = ids(String.valueOf(byTaskId ? taskIds : externalTaskIds));
    String tenant = caller.tenant();
    List<NewerTask> found = new ArrayList<>();
    long bytes = 0;
    for (String id : ids) {
      Task task =
          tasks.find(tenant, id).filter(known -> byTaskId == known.id().equals(id)).orElse(null);
      if (task != null) {
        bytes += size(task);
        if (bytes > TaskPage.MAX_BYTES && !found.isEmpty()) {
          throw invalid("the tasks of these ids have too many bytes for one answer; ask for fewer");
        }
        found.add(NewerTask.of(task, json));
      }
    }
    return envelope(found);
  }

  /** Tasks of a time span, newest first, page by page. */
  @POST
  @Needs(Scope.READ)
  @Path("/tasks")
  @Consumes(MediaType.WILDCARD)
  @Operation(summary = "Tasks by cursor, newer generation")
  @RequestBody(
      description = "limit, cursor, start_time, end_time, filters; all may be left out",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(type = SchemaType.OBJECT)))
  public KlingEnvelope byCursor() {
    return bodies.read(false, this::page);
  }

  private KlingEnvelope page(Body body) {
    NewerQuery query = NewerQuery.of(body, clock.instant());
    List<NewerTask> page = new ArrayList<>();
    String last = query.cursor();
    boolean more = true;
    boolean full = false;
    long bytes = 0;
    for (int step = 0; step < MAX_STEPS && more && !full; step++) {
      TaskPage read = tasks.page(caller.tenant(), query.filter(), last, query.limit() + 1);
      List<Task> all = read.tasks();
      more = read.cut() || all.size() > query.limit();
      for (Task task : all.subList(0, Math.min(query.limit(), all.size()))) {
        boolean wanted = query.wants(task);
        full =
            page.size() == query.limit()
                || wanted && !page.isEmpty() && bytes + size(task) > TaskPage.MAX_BYTES;
        if (full) {
          more = true;
          break;
        }
        last = task.id();
        if (wanted) {
          bytes += size(task);
          page.add(NewerTask.of(task, json));
        }
      }
      full |= page.size() == query.limit();
    }
    String next = more && last != null ? last : "";
    return envelope(new Listed(page, page.size(), next, !next.isEmpty()));
  }

  private CompletionStage<Response> submit(
      Submissions.SubmissionRequest request, Submissions.Options options, Duration wait) {
    Submissions.Accepted accepted = submissions.submit(request, options);
    return answers.answer(
        accepted,
        request.tenant(),
        wait,
        NewerTask.created(accepted.taskId(), accepted.externalTaskId(), accepted.createdAt()),
        task -> NewerTask.of(task, json));
  }

  private static long size(Task task) {
    String result = task.result();
    return result == null ? 0 : result.length();
  }

  private static List<String> ids(String list) {
    List<String> ids =
        Arrays.stream(list.split(","))
            .map(String::strip)
            .filter(id -> !id.isEmpty())
            .distinct()
            .toList();
    if (ids.size() > MAX_IDS) {
      throw invalid("the number of ids cannot exceed " + MAX_IDS + " in total");
    }
    return ids;
  }

  private static KlingEnvelope envelope(Object data) {
    return KlingEnvelope.of(UUID.randomUUID(), data);
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
