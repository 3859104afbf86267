package io.klingtracker.klingapi;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.watch.LongPoll;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jboss.logging.Logger;

/**
 * Answers a create whose task is stored, at once or, where the caller prefers to wait, when the
 * task has ended. The task is there and will be paid for: whatever fails from here on, the answer
 * is the create's own, without {@code Preference-Applied}.
 */
@Singleton
class StoredAnswers {

  private static final Logger LOG = Logger.getLogger(StoredAnswers.class);

  private final Tasks tasks;
  private final LongPoll longPoll;
  private final ObjectMapper json;

  @Inject
  StoredAnswers(Tasks tasks, LongPoll longPoll, ObjectMapper json) {
    this.tasks = tasks;
    this.longPoll = longPoll;
    this.json = json;
  }

  /**
   * The answer.
   *
   * @param tenant whose task it is
   * @param wait how long the caller would wait for the end; zero for not at all
   * @param created the task as its create answers
   * @param shown a task as a query answers
   */
  CompletionStage<Response> answer(
      Submissions.Accepted accepted,
      String tenant,
      Duration wait,
      Object created,
      Function<Task, Object> shown) {
    if (wait.isZero()) {
      return CompletableFuture.completedFuture(answer(accepted, created));
    }
    return Uni.createFrom()
        .item(() -> tasks.find(tenant, accepted.taskId()).orElseThrow())
        .chain(task -> longPoll.until(task, now -> now.status().isFinal(), wait))
        .map(waited -> answer(accepted, wait, waited, created, shown))
        .onFailure()
        .recoverWithItem(
            failure -> {
              LOG.debugf(failure, "task=%s is stored, but cannot be waited for", accepted.taskId());
              return answer(accepted, created);
            })
        .subscribeAsCompletionStage();
  }

  private Response answer(
      Submissions.Accepted accepted,
      Duration wait,
      LongPoll.Waited waited,
      Object created,
      Function<Task, Object> shown) {
    Task now = waited.task();
    Object task = now.status() == TaskStatus.QUEUED ? created : shown.apply(now);
    Response.ResponseBuilder answer = builder(accepted, written(accepted, task));
    return waited.cutShort()
        ? answer.build()
        : answer.header("Preference-Applied", "wait=" + wait.toSeconds()).build();
  }

  /** Written here: what cannot be written must fail where the answer can still be another. */
  private String written(Submissions.Accepted accepted, Object task) {
    try {
      return json.writeValueAsString(KlingEnvelope.of(accepted.requestId(), task));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a task cannot be shown", e);
    }
  }

  private static Response answer(Submissions.Accepted accepted, Object created) {
    return builder(accepted, KlingEnvelope.of(accepted.requestId(), created)).build();
  }

  private static Response.ResponseBuilder builder(Submissions.Accepted accepted, Object entity) {
    Response.ResponseBuilder answer = Response.ok(entity);
    if (accepted.warning() != null) {
      answer.header("Tracker-Warning", accepted.warning());
    }
    return accepted.replayed() ? answer.header("Idempotent-Replayed", "true") : answer;
  }
}
