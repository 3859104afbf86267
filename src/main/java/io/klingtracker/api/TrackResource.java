package io.klingtracker.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.ReservedIds;
import io.klingtracker.kling.KlingIds;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Metadata;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.Submission;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TrackedTask;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Quotas;
import io.klingtracker.tenant.Scope;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.CheckRequested;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Duration;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Watches tasks that another program submits to Kling itself, on the accounts that are granted to
 * the tenant. An id that is another tenant's is answered as one that nobody knows, and nothing is
 * ever received about it. They hold no slot of ours: what that program sends is not ours to count,
 * and where it uses up Kling's slots, Kling's own refusal makes our dispatches wait.
 */
@Path("/v1/tasks/track")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public class TrackResource {

  private static final Logger LOG = Logger.getLogger(TrackResource.class);

  private static final Pattern KLING_ID = Pattern.compile("[0-9A-Za-z_-]{1,64}");
  private static final int MAX_EXTERNAL_ID = 512;
  private static final int MAX_MODEL = 100;
  private static final Duration TRACKED_RETRY = Duration.ofMinutes(1);

  private final Tasks tasks;
  private final CurrentCaller caller;
  private final Quotas quotas;
  private final CallbackTarget callbacks;
  private final Event<CheckRequested> checkRequested;
  private final Counter refused;

  @Inject
  TrackResource(
      Tasks tasks,
      CurrentCaller caller,
      Quotas quotas,
      CallbackTarget callbacks,
      Event<CheckRequested> checkRequested,
      MeterRegistry registry) {
    this.tasks = tasks;
    this.caller = caller;
    this.quotas = quotas;
    this.callbacks = callbacks;
    this.checkRequested = checkRequested;
    this.refused =
        Counter.builder("tracker.tracked.refused")
            .description("Tasks not watched since their tenant has as many watched as it may")
            .register(registry);
  }

  /**
   * A task to watch.
   *
   * @param kind for example {@code text2video}
   * @param klingTaskId Kling's id, when there is one already
   * @param externalTaskId the id that the program gives to Kling, or will
   * @param account the Kling account that it runs on; may be left out when one only is granted
   * @param model Kling's model name; by it the end is estimated
   * @param metadata what the caller keeps with it, as {@code Tracker-Metadata} has it
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Request(
      @Nullable String kind,
      @Nullable String klingTaskId,
      @Nullable String externalTaskId,
      @Nullable String account,
      @Nullable String model,
      @Nullable Map<String, @Nullable String> metadata) {}

  /**
   * What is watched from now on.
   *
   * @param callbackUrl to be given to Kling as the task's {@code callback_url}
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Answer(String taskId, String callbackUrl) {}

  /** Registers a task; the answer comes after it is durable. */
  @POST
  @Needs(Scope.SUBMIT)
  @Operation(summary = "Watch a task that another program submits to Kling")
  public Answer track(@Nullable Request request) {
    if (request == null) {
      throw invalid("the body must be a JSON object with kind");
    }
    Kind kind = kind(request.kind());
    String klingTaskId = present(request.klingTaskId());
    if (klingTaskId != null && !KLING_ID.matcher(klingTaskId).matches()) {
      throw invalid("kling_task_id must be Kling's own id, such as \"878106242831892487\"");
    }
    quotas.watch();
    Submission submission =
        tasks.track(
            new TrackedTask(
                caller.tenant(),
                kind.name(),
                account(request.account()),
                klingTaskId,
                externalId(request.externalTaskId()),
                text("model", request.model(), MAX_MODEL),
                kind.family().wireName(),
                caller.key(),
                Metadata.field(request.metadata())));
    if (submission instanceof Submission.Stored stored) {
      askSoon(stored.taskId());
      return new Answer(stored.taskId(), callbacks.url(stored.taskId()));
    }
    if (submission instanceof Submission.TooManyTracked tooMany) {
      refused.increment();
      throw new ProblemException(
          ErrorCode.RATE_LIMITED,
          tooMany.most() + " tasks are watched already; wait until some of them have ended",
          TRACKED_RETRY);
    }
    if (submission instanceof Submission.ExternalIdTaken taken) {
      throw new ProblemException(
          ErrorCode.CONFLICT, "External_task_id " + taken.externalTaskId() + " already exists");
    }
    throw new ProblemException(
        ErrorCode.CONFLICT, "Kling's task " + klingTaskId + " is watched already");
  }

  /** The task is stored; who is not notified asks in its turn. */
  private void askSoon(String taskId) {
    try {
      checkRequested.fire(new CheckRequested(taskId));
    } catch (RuntimeException e) {
      LOG.warnf(e, "task=%s is watched, but is not asked for at once", taskId);
    }
  }

  private static Kind kind(@Nullable String name) {
    if (name == null || name.isBlank()) {
      throw invalid("kind is missing, for example text2video");
    }
    return Catalog.current()
        .ofName(name)
        .or(() -> Catalog.current().ofPath(name))
        .orElseThrow(() -> invalid("kind '" + name + "' is none of Kling's"));
  }

  private String account(@Nullable String name) {
    SortedSet<String> accounts = new TreeSet<>(caller.trackAccounts());
    if (accounts.isEmpty()) {
      throw new ProblemException(
          ErrorCode.FORBIDDEN,
          "no Kling account is granted to this tenant for tracking; an administrator grants it"
              + " (track_accounts)");
    }
    String account = present(name);
    if (account == null && accounts.size() == 1) {
      return accounts.iterator().next();
    }
    if (account == null || !accounts.contains(account)) {
      throw invalid("account must be one of " + String.join(", ", accounts));
    }
    return account;
  }

  private static @Nullable String externalId(@Nullable String value) {
    String id = text("external_task_id", value, MAX_EXTERNAL_ID);
    if (id != null && !KlingIds.canBeAsked(id)) {
      throw invalid(
          "external_task_id must not be dots alone, nor have a slash, a backslash, a percent sign or"
              + " a control character in it: it is asked for in a path");
    }
    if (id != null && ReservedIds.contain(id)) {
      throw invalid("external_task_id " + ReservedIds.RULE);
    }
    return id;
  }

  private static @Nullable String text(String name, @Nullable String value, int most) {
    return Parameters.text(name, present(value), most);
  }

  /** An empty string means none, as it does with Kling. */
  private static @Nullable String present(@Nullable String value) {
    return value == null || value.isEmpty() ? null : value;
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
