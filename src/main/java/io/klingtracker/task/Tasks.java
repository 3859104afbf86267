package io.klingtracker.task;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Nearest;
import io.klingtracker.request.Parameters;
import io.klingtracker.text.ForeignText;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.mapper.RowMapper;
import org.jspecify.annotations.Nullable;

/**
 * The core's façade and the only writer of a status. Reads are scoped to a tenant; news is
 * addressed by task id, since whoever brings it has proved that it is about that task.
 */
@Singleton
public class Tasks {

  private static final Logger LOG = Logger.getLogger(Tasks.class);

  /**
   * Lines of a task's history in one answer; half as many are kept of news that changed nothing.
   */
  public static final int MAX_TIMELINE = 1000;

  /** How long Kling keeps a result, by its documentation; counted from when we received it. */
  public static final Duration RESULT_LIFE = Duration.ofDays(30);

  /** Longer than any id that we store. */
  private static final int MAX_ID = 1024;

  private final TaskStore store;
  private final NewsStore news;
  private final SubmissionWriter writer;
  private final TaskRepository repository;
  private final Timelines timelines;
  private final Jdbi jdbi;
  private final Event<TasksChanged> changes;

  @Inject
  Tasks(
      TaskStore store,
      NewsStore news,
      SubmissionWriter writer,
      TaskRepository repository,
      Timelines timelines,
      Jdbi jdbi,
      Event<TasksChanged> changes) {
    this.store = store;
    this.news = news;
    this.writer = writer;
    this.repository = repository;
    this.timelines = timelines;
    this.jdbi = jdbi;
    this.changes = changes;
  }

  /**
   * Stores a task, its first event and its place in the queue in one transaction, which others that
   * come at the same time may share; durable when this returns.
   */
  public Submission submit(NewTask task) {
    return publish(task.tenant(), writer.submit(task, traceparent()));
  }

  /**
   * What a request was answered that came with this Idempotency-Key and had this hash; empty when
   * none did, as far as keys are remembered.
   */
  public Optional<Submission.Replayed> replay(String tenant, String key, byte[] requestHash) {
    return isStorable(key) ? repository.replay(tenant, key, requestHash) : Optional.empty();
  }

  /** Stores a task that another program submits to Kling, and its first event. */
  public Submission track(TrackedTask task) {
    return publish(task.tenant(), store.track(task, traceparent()));
  }

  private Submission publish(String tenant, Submission submission) {
    if (submission instanceof Submission.Stored stored) {
      announce(
          new TasksChanged(
              List.of(new TaskChanged(stored.taskId(), tenant, 1, TaskStatus.QUEUED, false))));
    }
    return submission;
  }

  /** After the commit: what is stored is stored, whatever its observers do. */
  private void announce(TasksChanged changed) {
    try {
      changes.fire(changed);
    } catch (RuntimeException e) {
      LOG.errorf(
          e,
          "a change is stored, but not all observers were notified; they find it by their polls");
    }
  }

  /** Applies one piece of news; durable when this returns. */
  public Outcome apply(News news) {
    return apply(List.of(news)).getOrDefault(news.taskId(), new Outcome.NoSuchTask());
  }

  /**
   * Applies news to several tasks in one transaction, at most one piece each; durable when this
   * returns.
   */
  public Map<String, Outcome> apply(List<News> batch) {
    return publish(news.apply(batch, traceparent()));
  }

  /**
   * The same for those tasks that no other transaction holds; the others are {@link Outcome.Busy}
   * and untouched.
   */
  public Map<String, Outcome> applyUnlocked(List<News> batch) {
    return publish(news.applyUnlocked(batch, traceparent()));
  }

  /**
   * Applies what callbacks say to those tasks that it moves without a second look, and also writes
   * something in the same transaction; durable when this returns. News of any other task is left
   * alone: one that nobody sent to Kling or another program did, that has another id there, that
   * another transaction holds, or for which an older callback waits.
   *
   * @param batch from Kling without doubt; at most one piece for each task
   * @param also receives what moved, and runs before the commit
   */
  public <R> R applyAtOnce(List<News> batch, Function<List<AppliedCallback>, R> also) {
    List<AppliedCallback> moved = new ArrayList<>();
    R written =
        jdbi.inTransaction(
            handle -> {
              moved.addAll(news.applyAtOnce(handle, batch, traceparent()));
              return also.apply(moved);
            });
    if (!moved.isEmpty()) {
      announce(new TasksChanged(moved.stream().map(AppliedCallback::change).toList()));
    }
    return written;
  }

  /** Whether news failed because the id that it names at Kling is another task's. */
  public static boolean isOtherTasksId(Throwable failure) {
    return NewsStore.isOtherTasksId(failure);
  }

  private Map<String, Outcome> publish(Map<String, Outcome> outcomes) {
    List<TaskChanged> moved = new ArrayList<>();
    for (Outcome outcome : outcomes.values()) {
      if (outcome instanceof Outcome.Moved change) {
        moved.add(change.change());
      }
    }
    if (!moved.isEmpty()) {
      announce(new TasksChanged(List.copyOf(moved)));
    }
    return outcomes;
  }

  /**
   * Withdraws a task that waits for dispatch, if nothing was sent for it; durable when this
   * returns. False when something was sent or it does not wait any more.
   */
  public boolean withdraw(String taskId, Source source, TaskSignal signal) {
    return endQueued(List.of(taskId), source, signal, null, null) > 0;
  }

  /**
   * Ends tasks whose deadline passed while they wait and for which nothing was sent; durable when
   * this returns.
   *
   * @return how many
   */
  public int withdrawLate(List<String> taskIds, TaskSignal signal, Instant now) {
    return endQueued(taskIds, Source.DEADLINE, signal, null, now);
  }

  /**
   * Ends a task that Kling is proved not to have, as long as the claim is held under which that was
   * proved; durable when this returns. False when the claim is lost.
   */
  public boolean refuse(String taskId, ClaimToken claim, Source source, TaskSignal signal) {
    return endQueued(List.of(taskId), source, signal, claim, null) > 0;
  }

  /**
   * Withdraws those of the tasks that wait for dispatch and for which nothing was sent; durable
   * when this returns.
   *
   * @return how many
   */
  public int withdraw(List<String> taskIds, Source source, TaskSignal signal) {
    return endQueued(taskIds, source, signal, null, null);
  }

  private int endQueued(
      List<String> taskIds,
      Source source,
      TaskSignal signal,
      @Nullable ClaimToken claim,
      @Nullable Instant dueBy) {
    List<News> batch = taskIds.stream().map(id -> News.of(id, source, signal)).toList();
    List<TaskChanged> ended = news.endQueued(batch, claim, dueBy, traceparent());
    if (!ended.isEmpty()) {
      announce(new TasksChanged(ended));
    }
    return ended.size();
  }

  /** Notes news that is not applied, with the reason, in the task's timeline. */
  public void note(
      String taskId,
      Source source,
      @Nullable String status,
      String reason,
      @Nullable String detail) {
    news.note(taskId, source, status, reason, detail);
  }

  /** One task by our id or the caller's. */
  public Optional<Task> find(String tenant, String id) {
    return isStorable(id) ? repository.find(tenant, id) : Optional.empty();
  }

  /** One task by our id, the caller's or Kling's. */
  public Optional<Task> findByAnyId(String tenant, String id) {
    return isStorable(id) ? repository.findByAnyId(tenant, id) : Optional.empty();
  }

  /** Which tenants have a task with this id, ours, the caller's or Kling's; for administrators. */
  public List<String> tenantsWith(String id, int limit) {
    return isStorable(id) ? repository.tenantsWith(id, limit) : List.of();
  }

  /**
   * The same, with what is beside the task in a feature's own table, in one statement.
   *
   * @param beside a query about {@code t.id}; its columns must not be named as a task's are
   * @param values what it has beside {@code :id} and {@code :tenant}
   */
  public <T> Optional<T> findByAnyId(
      String tenant, String id, String beside, Map<String, ?> values, RowMapper<T> mapper) {
    return isStorable(id)
        ? repository.findByAnyId(tenant, id, beside, values, mapper)
        : Optional.empty();
  }

  /**
   * Several tasks by the ids that were asked for, of any sort; ids that name nothing are missing.
   */
  public TaskBatch findAll(String tenant, List<String> ids) {
    return repository.batch(tenant, ids.stream().filter(Tasks::isStorable).distinct().toList());
  }

  /** Whether the tenant has tasks of a kind, be it one that is none (any more). */
  private boolean hasKind(String tenant, String kind) {
    return !repository.page(tenant, TaskFilter.ofKind(kind), null, 1, 0).tasks().isEmpty();
  }

  /**
   * Reads which tasks something is to be done to.
   *
   * @param statuses with which it can be done
   */
  public TaskSelection selection(
      String tenant, TaskSelection.@Nullable Request request, List<TaskStatus> statuses) {
    return TaskSelection.of(request, statuses, kind -> knownKind(tenant, kind));
  }

  /**
   * The tasks that a selection is of, oldest first.
   *
   * @param statuses those that have one of these
   * @param limit most of them
   */
  public List<String> select(
      String tenant, TaskSelection selection, List<TaskStatus> statuses, int limit) {
    TaskStatus named = selection.filter().status();
    List<String> ids = new ArrayList<>();
    for (TaskStatus status : statuses) {
      if (ids.size() < limit && (named == null || named == status)) {
        ids.addAll(repository.ids(tenant, selection, status, limit - ids.size()));
      }
    }
    return ids.stream().sorted().toList();
  }

  /**
   * A kind of ours, or any that the tenant ever stored a task of.
   *
   * @throws ProblemException for another
   */
  public @Nullable String knownKind(String tenant, @Nullable String kind) {
    if (kind != null && Catalog.current().ofName(kind).isEmpty() && !hasKind(tenant, kind)) {
      throw Parameters.invalid(
          "unknown kind %s; %s"
              .formatted(
                  Nearest.shown(kind),
                  Nearest.hint(kind, Catalog.current().kinds().stream().map(Kind::name).toList())));
    }
    return kind;
  }

  /** Newest first, strictly older than the task with id {@code before}. */
  public TaskPage page(String tenant, TaskFilter filter, @Nullable String before, int limit) {
    return repository.page(tenant, filter, before, limit, 0);
  }

  /**
   * Oldest first, as many as there may be in number and in bytes of what can be large in them, one
   * at least; none behind the last.
   */
  public List<Task> oldest(String tenant, TaskRange range, int limit, int maxBytes) {
    return repository.oldest(tenant, range, limit, maxBytes);
  }

  /** Newest first by page number, from 1. */
  public TaskPage numberedPage(String tenant, TaskFilter filter, int pageNumber, int pageSize) {
    return repository.page(tenant, filter, null, pageSize, (pageNumber - 1) * pageSize);
  }

  /** Text that PostgreSQL can compare with; no id has U+0000 in it or is endless. */
  private static boolean isStorable(String id) {
    return !id.isEmpty() && id.length() <= MAX_ID && ForeignText.isClean(id);
  }

  /**
   * Changes and news that changed nothing, oldest first.
   *
   * @param after {@link Timeline#next()} of the part before; null for the first
   * @param limit {@link #MAX_TIMELINE} at most; there may be fewer for their bytes, one at least
   */
  public Timeline timeline(Task task, @Nullable String after, int limit) {
    return timelines.of(task.id(), after, limit);
  }

  /** The W3C trace context of the request under way, which travels with the event. */
  private static @Nullable String traceparent() {
    SpanContext span = Span.current().getSpanContext();
    return span.isValid()
        ? "00-" + span.getTraceId() + "-" + span.getSpanId() + "-" + span.getTraceFlags().asHex()
        : null;
  }
}
