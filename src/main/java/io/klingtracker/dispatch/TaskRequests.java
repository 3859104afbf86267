package io.klingtracker.dispatch;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.RequestRules;
import io.klingtracker.catalog.UpstreamBody;
import io.klingtracker.dispatch.RequestResource.RequestView;
import io.klingtracker.http.LargeBodyWork;
import io.klingtracker.json.Body;
import io.klingtracker.json.LongTexts;
import io.klingtracker.share.Permit;
import io.klingtracker.task.Source;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.CallbackTarget;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What tasks were asked for with, beside what went to Kling: made as the dispatcher makes it, of
 * what is stored and today's catalogue.
 */
@Singleton
public class TaskRequests {

  /** Ends the message of tasks that failed before anything was sent for them. */
  static final String NOTHING_SENT = "nothing was sent to Kling";

  /** Characters up to which a text is shown whole; no prompt is as long. */
  static final int MAX_TEXT = 8_192;

  /** Characters of a body that is shown. */
  static final int MAX_BODY = 1 << 20;

  static final String BESIDE =
      """
      select octet_length(r.body) as bytes, case when octet_length(r.body) <= :small then r.body end as body,
        (select x.tracked from task x where x.id = t.id) as watched,
        exists (select from dispatch_queue q where q.task_id = t.id and q.sent_at is not null) as under_way,
        (select e.source from task_event e where e.task_id = t.id and e.sequence = t.sequence) as source
      from (select) one left join task_request r on r.task_id = t.id
      """;

  private static final String BODY = "select body from task_request where task_id = :id";

  private final Tasks tasks;
  private final CallbackTarget callbacks;
  private final LargeBodyWork work;
  private final Jdbi jdbi;

  @Inject
  TaskRequests(Tasks tasks, CallbackTarget callbacks, LargeBodyWork work, Jdbi jdbi) {
    this.tasks = tasks;
    this.callbacks = callbacks;
    this.work = work;
    this.jdbi = jdbi;
  }

  /**
   * A task's request.
   *
   * @param bytes of its body; null when there is none
   * @param body the body, unless it is large
   * @param watched whether another program submitted it
   * @param underWay whether a create of it has left us and nobody knows yet what came of it
   * @param source of its latest change
   */
  private record Found(
      Task task,
      @Nullable Integer bytes,
      @Nullable String body,
      boolean watched,
      boolean underWay,
      @Nullable String source) {}

  /** That of a task by any of its ids; empty when no task of the tenant has it. */
  public Optional<RequestView> find(String tenant, String id) {
    return tasks
        .findByAnyId(
            tenant,
            id,
            BESIDE,
            Map.of("small", BodyRoom.SMALL),
            (row, context) ->
                new Found(
                    Task.of(row),
                    row.getObject("bytes", Integer.class),
                    row.getString("body"),
                    row.getBoolean("watched"),
                    row.getBoolean("under_way"),
                    row.getString("source")))
        .map(this::view);
  }

  private RequestView view(Found found) {
    if (found.body() != null) {
      return view(found, found.body());
    }
    Integer bytes = found.bytes();
    if (bytes == null) {
      return new RequestView(null, null);
    }
    try (Permit room =
        work.enter(found.task().tenant(), (long) bytes * BodyRoom.COPIES).orThrow()) {
      return load(found.task().id())
          .map(body -> view(found, body))
          .orElseGet(() -> new RequestView(null, null));
    }
  }

  private Optional<String> load(String taskId) {
    return jdbi.withHandle(
        handle -> handle.createQuery(BODY).bind("id", taskId).mapTo(String.class).findOne());
  }

  private RequestView view(Found found, String body) {
    Task task = found.task();
    Kind kind = wasSent(found) ? Catalog.current().ofSent(task.kind()).orElse(null) : null;
    String sent =
        kind == null
            ? null
            : CallbackTarget.withoutTokens(
                cut(
                    UpstreamBody.of(
                        kind,
                        Body.parse(body),
                        task.upstreamModel(),
                        task.id(),
                        callbacks.url(task.id()))));
    return new RequestView(shown(cut(body)), shown(sent));
  }

  private static String cut(String body) {
    return LongTexts.cut(body, MAX_TEXT);
  }

  private static @Nullable String shown(@Nullable String body) {
    return body == null || body.length() > MAX_BODY ? null : body;
  }

  private static boolean wasSent(Found found) {
    Task task = found.task();
    if (found.watched() || task.status() == TaskStatus.CANCELED) {
      return false;
    }
    if (task.status() == TaskStatus.QUEUED) {
      return found.underWay();
    }
    return task.dispatchedAt() != null
        || task.status() != TaskStatus.FAILED
        || !Source.DEADLINE.wireName().equals(found.source()) && !saysNothingWasSent(task);
  }

  /** The only ends without a create, but for those that have a source of their own. */
  private static boolean saysNothingWasSent(Task task) {
    String message = task.statusMessage();
    return message != null
        && (message.endsWith(NOTHING_SENT)
            || message.equals(RequestRules.discontinued(String.valueOf(task.upstreamModel()))));
  }
}
