package io.klingtracker.klingapi;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.SyncPath;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Metadata;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskFilter;
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
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/**
 * Kling's own routes: create, ask for one, list. A client written for Kling changes its base URL
 * and key.
 */
@Path("/kling/v1")
@Produces(MediaType.APPLICATION_JSON)
public class KlingResource {

  static final int MAX_PAGE_NUMBER = 1000;
  private static final int MAX_PAGE_SIZE = 500;
  static final int MAX_VOICE_PAGE_SIZE = 1000;
  static final int DEFAULT_PAGE_SIZE = 30;

  private final BodyReader bodies;
  private final Passthrough passthrough;
  private final Submissions submissions;
  private final Tasks tasks;
  private final StoredAnswers answers;
  private final CurrentCaller caller;
  private final Duration maxWait;

  @Inject
  KlingResource(
      BodyReader bodies,
      Passthrough passthrough,
      Submissions submissions,
      Tasks tasks,
      StoredAnswers answers,
      CurrentCaller caller,
      LongPollConfig config) {
    this.bodies = bodies;
    this.passthrough = passthrough;
    this.submissions = submissions;
    this.tasks = tasks;
    this.answers = answers;
    this.caller = caller;
    this.maxWait = config.maxWait();
  }

  /** Takes a task; the answer comes after it is durable. Synchronous paths are passed on. */
  @POST
  @Needs(Scope.SUBMIT)
  @Path("/{path: .+}")
  @Consumes(MediaType.WILDCARD)
  @Blocking
  @Operation(hidden = true)
  public CompletionStage<Response> create(
      @PathParam("path") String path,
      @HeaderParam("Idempotency-Key") @Nullable String idempotencyKey,
      @HeaderParam("Tracker-Priority") @Nullable String priority,
      @HeaderParam("Tracker-Deadline") @Nullable String deadline,
      @HeaderParam(Metadata.HEADER) List<String> metadata,
      @HeaderParam("Tracker-Dry-Run") @Nullable String dryRun,
      @HeaderParam("Prefer") @Nullable String prefer) {
    SyncPath sync = Catalog.current().syncOfPath(withoutSlash(path)).orElse(null);
    if (sync != null && !sync.isRead()) {
      refuseForSync(sync, dryRun, idempotencyKey);
      return bodies.read(
          sync.takesMedia(),
          sound -> passthrough.forward(caller.tenant(), caller.trackAccounts(), sync, sound));
    }
    Kind kind =
        Catalog.current()
            .ofPath(withoutSlash(path))
            .filter(known -> known.dialect() == Kind.Dialect.LEGACY)
            .orElseThrow(() -> unknown(path));
    Submissions.Options options =
        new Submissions.Options(idempotencyKey, priority, deadline, metadata);
    boolean dry = Submissions.isDryRun(dryRun);
    Duration wait = Preference.wait(prefer, maxWait);
    return bodies.read(
        kind.takesMedia(),
        sound -> {
          Submissions.SubmissionRequest request =
              new Submissions.SubmissionRequest(caller.tenant(), kind, null, sound);
          return dry
              ? CompletableFuture.completedFuture(dryRun(request, options))
              : submit(request, options, wait);
        });
  }

  /** Whoever sends these relies on them: what they promise must not be dropped without a word. */
  private static void refuseForSync(
      SyncPath sync, @Nullable String dryRun, @Nullable String idempotencyKey) {
    if (Submissions.isDryRun(dryRun)) {
      throw Parameters.invalid(
          "Tracker-Dry-Run is not possible on /v1/%s, which is passed on to Kling as it is; nothing was sent"
              .formatted(sync.path()));
    }
    if (idempotencyKey != null) {
      throw Parameters.invalid(
          "Idempotency-Key is not possible on /v1/%s: Kling's answer is not kept, and a repeated call is made and paid again; nothing was sent, leave the header out"
              .formatted(sync.path()));
    }
  }

  private Response dryRun(Submissions.SubmissionRequest request, Submissions.Options options) {
    DryRun answer = submissions.dryRun(request, options);
    return Response.ok(KlingEnvelope.of(UUID.randomUUID(), answer)).build();
  }

  private CompletionStage<Response> submit(
      Submissions.SubmissionRequest request, Submissions.Options options, Duration wait) {
    Submissions.Accepted accepted = submissions.submit(request, options);
    return answers.answer(
        accepted,
        request.tenant(),
        wait,
        KlingTask.created(accepted.taskId(), accepted.externalTaskId(), accepted.createdAt()),
        KlingTask::of);
  }

  /** Kling's own voices and elements, passed on. */
  @GET
  @Needs(Scope.READ)
  @Path("/general/{path: presets-voices|advanced-presets-elements}")
  @Blocking
  @Operation(hidden = true)
  public CompletionStage<Response> presets(
      @PathParam("path") String path,
      @QueryParam("pageNum") @Nullable String pageNum,
      @QueryParam("pageSize") @Nullable String pageSize) {
    SyncPath sync =
        Catalog.current().syncOfPath("general/" + path).orElseThrow(() -> unknown(path));
    int number = number("pageNum", pageNum, 1, MAX_PAGE_NUMBER);
    int size = number("pageSize", pageSize, DEFAULT_PAGE_SIZE, MAX_VOICE_PAGE_SIZE);
    return passthrough.read(
        caller.tenant(), sync, "pageNum=%s&pageSize=%s".formatted(number, size));
  }

  /** One task by our id or the caller's, or a page of a kind's tasks, newest first. */
  @GET
  @Needs(Scope.READ)
  @Path("/{path: .+}")
  @Operation(hidden = true)
  public KlingEnvelope read(
      @PathParam("path") String path,
      @QueryParam("pageNum") @Nullable String pageNum,
      @QueryParam("pageSize") @Nullable String pageSize) {
    Catalog.Addressed addressed =
        Catalog.current()
            .resolve(path)
            .filter(known -> known.kind().dialect() == Kind.Dialect.LEGACY)
            .filter(known -> Catalog.current().syncOfPath(withoutSlash(path)).isEmpty())
            .orElseThrow(() -> unknown(path));
    String id = addressed.id();
    return KlingEnvelope.of(
        UUID.randomUUID(),
        id == null
            ? list(
                addressed.kind(),
                number("pageNum", pageNum, 1, MAX_PAGE_NUMBER),
                number("pageSize", pageSize, DEFAULT_PAGE_SIZE, maxPageSize(addressed.kind())))
            : one(addressed.kind(), id));
  }

  private KlingTask one(Kind kind, String id) {
    Task task =
        tasks
            .find(caller.tenant(), id)
            .filter(found -> found.kind().equals(kind.name()))
            .orElseThrow(
                () ->
                    new ProblemException(
                        ErrorCode.TASK_NOT_FOUND, "Task not found by id/external id: " + id));
    return KlingTask.of(task);
  }

  private List<KlingTask> list(Kind kind, int pageNumber, int pageSize) {
    TaskPage page =
        tasks.numberedPage(caller.tenant(), TaskFilter.ofKind(kind.name()), pageNumber, pageSize);
    if (page.cut()) {
      // Pages have numbers here: whoever got less than a page would miss the rest of it.
      throw Parameters.invalid(
          "pageSize value '"
              + pageSize
              + "' is invalid: the page has too many bytes; ask for fewer");
    }
    return page.tasks().stream().map(KlingTask::of).toList();
  }

  /** An empty one is none, as it is with Kling. */
  private static int number(String name, @Nullable String value, int defaultValue, int max) {
    return Parameters.number(
        name, value == null || value.isEmpty() ? null : value, defaultValue, 1, max);
  }

  static int maxPageSize(Kind kind) {
    return kind.name().equals("custom-voices") ? MAX_VOICE_PAGE_SIZE : MAX_PAGE_SIZE;
  }

  private static String withoutSlash(String path) {
    return path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
  }

  private static ProblemException unknown(String path) {
    return new ProblemException(ErrorCode.NOT_FOUND, "no such path: /v1/" + path);
  }
}
