package io.klingtracker.klingapi;

import io.klingtracker.catalog.Checked;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.NamedItem;
import io.klingtracker.catalog.RequestRules;
import io.klingtracker.egress.RefusedTargetException;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.json.Body;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Metadata;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Hashes;
import io.klingtracker.task.NewTask;
import io.klingtracker.task.Submission;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Quotas;
import io.klingtracker.upstream.KlingAccounts;
import io.klingtracker.upstream.MadeItems;
import io.klingtracker.upstream.UpstreamConfig;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * From a request's bytes and headers to a stored task: everything that can be refused is refused
 * before it is stored.
 */
@Singleton
class Submissions {

  private static final int MAX_KEY = 255;
  private static final int LOWEST = 1;
  private static final int HIGHEST = 9;
  private static final int DEFAULT_PRIORITY = 5;
  private static final long MAX_DEADLINE = Duration.ofDays(30).toSeconds();

  private final Tasks tasks;
  private final PublicModels models;
  private final KlingConfig kling;
  private final UpstreamConfig upstream;
  private final TargetPolicy targets;
  private final MadeItems made;
  private final Quotas quotas;
  private final CurrentCaller caller;
  private final MeterRegistry meters;
  private final Clock clock;

  /**
   * The headers that steer a submission.
   *
   * @param metadata each time that the header came
   */
  record Options(
      @Nullable String idempotencyKey,
      @Nullable String priority,
      @Nullable String deadline,
      List<String> metadata) {}

  /**
   * What is asked.
   *
   * @param tenant who asks
   * @param pathModel the model that the path names, in the newer generation
   */
  record SubmissionRequest(String tenant, Kind kind, @Nullable String pathModel, Body body) {}

  /**
   * A stored task as its create is answered.
   *
   * @param replayed whether it was stored for an earlier request
   * @param warning what the caller should know of its model, if anything
   */
  record Accepted(
      UUID requestId,
      String taskId,
      @Nullable String externalTaskId,
      Instant createdAt,
      boolean replayed,
      @Nullable String warning) {}

  @Inject
  Submissions(
      Tasks tasks,
      PublicModels models,
      KlingConfig kling,
      UpstreamConfig upstream,
      TargetPolicy targets,
      MadeItems made,
      Quotas quotas,
      CurrentCaller caller,
      MeterRegistry meters,
      Clock clock) {
    this.tasks = tasks;
    this.meters = meters;
    this.models = models;
    this.kling = kling;
    this.upstream = upstream;
    this.targets = targets;
    this.made = made;
    this.quotas = quotas;
    this.caller = caller;
    this.clock = clock;
  }

  /** Reads {@code Tracker-Dry-Run}. */
  static boolean isDryRun(@Nullable String header) {
    if (header == null || header.equalsIgnoreCase("false")) {
      return false;
    }
    if (!header.equalsIgnoreCase("true")) {
      // A dry run that is taken for a real one would cost money.
      throw invalid("Tracker-Dry-Run must be true or false");
    }
    return true;
  }

  /** What would be sent and what it would cost; nothing is stored. */
  DryRun dryRun(SubmissionRequest request, Options options) {
    Checked checked = check(request);
    priority(options.priority());
    deadline(options.deadline());
    Metadata.header(options.metadata());
    String externalTaskId = checked.externalTaskId();
    if (externalTaskId != null && tasks.find(request.tenant(), externalTaskId).isPresent()) {
      throw taken(externalTaskId);
    }
    String account = account(request, checked);
    return DryRun.of(
        request.kind(),
        request.body(),
        checked,
        account == null ? accounts(checked) : List.of(account),
        upstream);
  }

  /** Stores the task, or finds the answer that its idempotency key had before. */
  Accepted submit(SubmissionRequest request, Options options) {
    try {
      return stored(request, options);
    } catch (ProblemException refused) {
      // Rules, models and quotas change; the answer to a repeated request does not.
      return replayed(request, options).orElseThrow(() -> refused);
    }
  }

  private Optional<Accepted> replayed(SubmissionRequest request, Options options) {
    String key = options.idempotencyKey();
    return key == null
        ? Optional.empty()
        : tasks
            .replay(request.tenant(), key, hash(request))
            .map(
                first ->
                    new Accepted(
                        first.requestId(),
                        first.taskId(),
                        first.externalTaskId(),
                        first.createdAt(),
                        true,
                        null));
  }

  private Accepted stored(SubmissionRequest request, Options options) {
    Checked checked = check(request);
    Kind kind = request.kind();
    String externalTaskId = checked.externalTaskId();
    UUID requestId = UUID.randomUUID();
    NewTask task =
        new NewTask(
            request.tenant(),
            kind.name(),
            request.body().text(),
            externalTaskId,
            checked.callbackUrl(),
            checked.model(),
            checked.upstreamModel(),
            checked.family().wireName(),
            checked.slotModel(),
            checked.slots(),
            checked.units(),
            priority(options.priority()),
            deadline(options.deadline()),
            idempotency(options.idempotencyKey(), request, requestId),
            caller.key(),
            account(request, checked),
            Metadata.header(options.metadata()),
            !kind.takesExternalTaskId(checked.upstreamModel()));
    Submission submission = store(task);
    if (submission instanceof Submission.Stored stored) {
      if (checked.retirement() != null) {
        Counter.builder("tracker.submissions.retiring")
            .description("Tasks taken for a model that Kling switches off within 30 days")
            .tag("model", checked.slotModel())
            .register(meters)
            .increment();
      }
      return new Accepted(
          requestId,
          stored.taskId(),
          externalTaskId,
          stored.createdAt(),
          false,
          checked.retirement());
    }
    if (submission instanceof Submission.Replayed first) {
      return new Accepted(
          first.requestId(),
          first.taskId(),
          first.externalTaskId(),
          first.createdAt(),
          true,
          checked.retirement());
    }
    if (submission instanceof Submission.ExternalIdTaken taken) {
      throw taken(taken.externalTaskId());
    }
    if (submission instanceof Submission.KeyReused) {
      throw new ProblemException(
          ErrorCode.IDEMPOTENCY_KEY_REUSED,
          "Idempotency-Key was used with another body; use a new key for a new request");
    }
    throw new ProblemException(
        ErrorCode.IDEMPOTENCY_KEY_RUNNING,
        "the first request with this Idempotency-Key has not ended yet; try again",
        Duration.ofSeconds(1));
  }

  private Checked check(SubmissionRequest request) {
    if (request.kind().dialect() == Kind.Dialect.NEWER
        && kling.accounts().values().stream().anyMatch(a -> a.apiKey().isEmpty())) {
      // Kling refuses a JWT there, and would make us park an account that is in order.
      throw new ProblemException(
          ErrorCode.FORBIDDEN,
          "this path needs an API key for every Kling account; set kling.accounts.<name>.api-key,"
              + " or use /kling/v1");
    }
    Checked checked =
        RequestRules.check(
            request.kind(),
            request.pathModel(),
            request.body(),
            models.of(caller),
            LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC));
    checkCallbackUrl(checked.callbackUrl());
    if (accounts(checked).isEmpty()) {
      // It would wait until an operator changes that, and the caller would not know.
      throw new ProblemException(
          ErrorCode.FORBIDDEN,
          "no Kling account may use model %s here; an operator can add it to kling.accounts.<name>.models"
              .formatted(checked.slotModel()));
    }
    return checked;
  }

  /** The account that has what the request names; null for any. */
  private @Nullable String account(SubmissionRequest request, Checked checked) {
    String place =
        made.account(request.tenant(), caller.trackAccounts(), NamedItem.in(request.body().root()));
    if (place != null && !accounts(checked).contains(place)) {
      // It would wait for that account alone, for ever.
      throw new ProblemException(
          ErrorCode.FORBIDDEN,
          "what the request names is in Kling account %s, which may not use model %s here or is configured no more"
              .formatted(place, checked.slotModel()));
    }
    return place;
  }

  /** Names of the accounts that may use the model, sorted. */
  private List<String> accounts(Checked checked) {
    return kling.accounts().entrySet().stream()
        .filter(
            account ->
                KlingAccounts.mayUse(
                    account.getValue().models().orElse(List.of()), checked.slotModel()))
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }

  /** Within the tenant's quota. */
  private Submission store(NewTask task) {
    try (Quotas.Admission place = quotas.admit(task.units())) {
      Submission submission = tasks.submit(task);
      if (submission instanceof Submission.Stored) {
        place.stored();
      }
      return submission;
    }
  }

  /** A receiver that can never be called is refused now rather than never called. */
  private void checkCallbackUrl(@Nullable String url) {
    if (url == null) {
      return;
    }
    try {
      targets.read(url);
    } catch (RefusedTargetException e) {
      throw invalid("callback_url " + e.rule());
    }
  }

  private static NewTask.@Nullable Idempotency idempotency(
      @Nullable String key, SubmissionRequest request, UUID requestId) {
    if (key == null) {
      return null;
    }
    Parameters.filled("Idempotency-Key", key, MAX_KEY);
    return new NewTask.Idempotency(key, hash(request), requestId);
  }

  private static byte[] hash(SubmissionRequest request) {
    String path = request.kind().createPath(request.pathModel());
    return Hashes.sha256(
        (path + "\0").getBytes(StandardCharsets.UTF_8),
        request.body().text().getBytes(StandardCharsets.UTF_8));
  }

  private static ProblemException taken(String externalTaskId) {
    return invalid("External_task_id " + externalTaskId + " already exists");
  }

  private static int priority(@Nullable String header) {
    return Parameters.number("Tracker-Priority", header, DEFAULT_PRIORITY, LOWEST, HIGHEST);
  }

  private @Nullable Instant deadline(@Nullable String header) {
    if (header == null) {
      return null;
    }
    long seconds = Parameters.whole("Tracker-Deadline", header, 0, 1, MAX_DEADLINE);
    return clock.instant().plusSeconds(seconds);
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
