package io.klingtracker.api;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.rules.Body;
import io.klingtracker.rules.Checked;
import io.klingtracker.rules.Kind;
import io.klingtracker.rules.ModelMapping;
import io.klingtracker.rules.RequestRules;
import io.klingtracker.target.RefusedTargetException;
import io.klingtracker.target.TargetPolicy;
import io.klingtracker.task.NewTask;
import io.klingtracker.task.Submission;
import io.klingtracker.task.Tasks;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
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

  /** Longer ids are not sensible keys of anything. */
  private static final int MAX_EXTERNAL_ID = 512;

  private final Tasks tasks;
  private final ApiConfig config;
  private final ModelMapping models;
  private final TargetPolicy targets;
  private final Clock clock;

  /** The headers that steer a submission. */
  record Options(
      @Nullable String idempotencyKey, @Nullable String priority, @Nullable String deadline) {}

  /** What is answered. */
  record Accepted(KlingEnvelope answer, boolean replayed) {}

  @Inject
  Submissions(Tasks tasks, ApiConfig config, KlingConfig kling, TargetPolicy targets, Clock clock) {
    this.tasks = tasks;
    this.config = config;
    this.models = ModelMapping.of(kling.models(), Set.copyOf(kling.discontinuedModels()));
    this.targets = targets;
    this.clock = clock;
  }

  Accepted submit(String tenant, Kind kind, byte[] bytes, Options options) {
    Body body = Body.parse(bytes, config.maxBody());
    Checked checked = RequestRules.check(kind, body, models);
    String externalTaskId = checked.externalTaskId();
    if (externalTaskId != null
        && (externalTaskId.length() > MAX_EXTERNAL_ID || externalTaskId.indexOf('\0') >= 0)) {
      throw invalid(
          "external_task_id must have 1 to "
              + MAX_EXTERNAL_ID
              + " characters, none of them U+0000");
    }
    checkCallbackUrl(checked.callbackUrl());
    UUID requestId = UUID.randomUUID();
    NewTask task =
        new NewTask(
            tenant,
            kind.name(),
            body.text(),
            externalTaskId,
            checked.callbackUrl(),
            checked.model(),
            checked.upstreamModel(),
            checked.family().word(),
            checked.slots(),
            checked.units(),
            priority(options.priority()),
            deadline(options.deadline()),
            idempotency(options.idempotencyKey(), kind, bytes, requestId));
    Submission submission = tasks.submit(task);
    if (submission instanceof Submission.Stored stored) {
      return new Accepted(
          KlingEnvelope.of(
              requestId, KlingTask.created(stored.taskId(), externalTaskId, stored.createdAt())),
          false);
    }
    if (submission instanceof Submission.Replayed first) {
      return new Accepted(
          KlingEnvelope.of(
              first.requestId(),
              KlingTask.created(first.taskId(), first.externalTaskId(), first.createdAt())),
          true);
    }
    if (submission instanceof Submission.ExternalIdTaken taken) {
      throw invalid("External_task_id " + taken.externalTaskId() + " already exists");
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

  /** A receiver that can never be called is refused now rather than never told. */
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
      @Nullable String key, Kind kind, byte[] bytes, UUID requestId) {
    if (key == null) {
      return null;
    }
    if (key.isEmpty() || key.length() > MAX_KEY || key.indexOf('\0') >= 0) {
      throw invalid("Idempotency-Key must have 1 to " + MAX_KEY + " characters");
    }
    return new NewTask.Idempotency(key, hash(kind, bytes), requestId);
  }

  private static byte[] hash(Kind kind, byte[] bytes) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(kind.path().getBytes(StandardCharsets.UTF_8));
      sha.update((byte) 0);
      return sha.digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is part of every JDK", e);
    }
  }

  private static int priority(@Nullable String header) {
    if (header == null) {
      return DEFAULT_PRIORITY;
    }
    long priority = number("Tracker-Priority", header);
    if (priority < LOWEST || priority > HIGHEST) {
      throw invalid("Tracker-Priority must be " + LOWEST + " to " + HIGHEST + ", got " + priority);
    }
    return (int) priority;
  }

  private @Nullable Instant deadline(@Nullable String header) {
    if (header == null) {
      return null;
    }
    long seconds = number("Tracker-Deadline", header);
    if (seconds < 1 || seconds > MAX_DEADLINE) {
      throw invalid("Tracker-Deadline must be 1 to " + MAX_DEADLINE + " seconds, got " + seconds);
    }
    return clock.instant().plusSeconds(seconds);
  }

  private static long number(String name, String value) {
    try {
      return Long.parseLong(value.strip());
    } catch (NumberFormatException e) {
      throw invalid(name + " must be a whole number");
    }
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
