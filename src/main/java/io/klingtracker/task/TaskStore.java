package io.klingtracker.task;

import io.klingtracker.catalog.UnitPrice;
import io.klingtracker.database.Columns;
import io.klingtracker.database.FreshPlans;
import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlFile;
import io.klingtracker.database.SqlStates;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.jspecify.annotations.Nullable;

/**
 * The statements by which tasks are created. Each is one round trip and one commit: the task, its
 * event, and the queue rows of the work that it causes are created together or not at all.
 */
@Singleton
class TaskStore {

  private static final String SUBMIT =
      SqlFile.read(
          TaskStore.class,
          "Submit",
          Map.of("position", TaskSql.POSITION, "event", TaskSql.RECORD_EVENT));

  private static final String TRACK =
      SqlFile.read(
          TaskStore.class,
          "Track",
          Map.of("position", TaskSql.POSITION, "event", TaskSql.RECORD_EVENT));

  /** Tasks of other programs that a tenant may have watched at once. */
  private static final int TRACKED_PER_TENANT = 10_000;

  /**
   * What a tenant tracks is counted and stored one after the other, or many at once pass the bound.
   */
  private static final String ALONE = "select id from tenant where id = :tenant for no key update";

  private final Jdbi jdbi;
  private final Clock clock;
  private final int trackedMost;
  private final FreshPlans plans = new FreshPlans();

  /**
   * A submission and the trace that it came with.
   *
   * @param traceparent W3C trace context, or null
   */
  record Entry(NewTask task, @Nullable String traceparent) {

    /** Those that could get into each other's way have the same. */
    Object key() {
      NewTask.Idempotency idempotency = task.idempotency();
      if (idempotency != null) {
        return List.of(task.tenant(), idempotency.key());
      }
      String externalTaskId = task.externalTaskId();
      return externalTaskId == null ? new Object() : List.of(task.tenant(), externalTaskId);
    }
  }

  @Inject
  TaskStore(Jdbi jdbi, Clock clock) {
    this(jdbi, clock, TRACKED_PER_TENANT);
  }

  TaskStore(Jdbi jdbi, Clock clock, int trackedMost) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.trackedMost = trackedMost;
  }

  /**
   * Stores submissions and answers each, in their order. Those that repeat each other are given
   * again, until all are stored or find what they repeat.
   */
  List<Submission> submit(List<Entry> group) {
    Map<Entry, Submission> answers = new IdentityHashMap<>();
    List<Entry> left = group;
    // A round stores at least the first of those that repeat each other; only one who repeats what
    // another transaction stores in this moment, and then does not, is there for longer.
    for (int round = 0; !left.isEmpty() && round <= group.size(); round++) {
      answers.putAll(submitOnce(left));
      left = left.stream().filter(entry -> !answers.containsKey(entry)).toList();
    }
    return group.stream()
        .map(entry -> answers.getOrDefault(entry, new Submission.KeyRunning()))
        .toList();
  }

  private Map<Entry, Submission> submitOnce(List<Entry> group) {
    Instant now = clock.instant();
    Map<String, Entry> byId = new LinkedHashMap<>();
    group.forEach(entry -> byId.put(TaskId.next(now), entry));
    Map<Entry, Submission> answers = new IdentityHashMap<>();
    try {
      jdbi.useHandle(
          handle -> {
            plans.on(handle);
            Columns.of(handle.createQuery(SUBMIT), byId.entrySet())
                .texts("ids", Map.Entry::getKey)
                .texts("tenants", of(NewTask::tenant))
                .texts("keys", ofKey(NewTask.Idempotency::key))
                .texts("hashes", ofKey(key -> HexFormat.of().formatHex(key.requestHash())))
                .uuids("requestIds", ofKey(NewTask.Idempotency::requestId))
                .texts("kinds", of(NewTask::kind))
                .texts("externalTaskIds", of(NewTask::externalTaskId))
                .texts("models", of(NewTask::model))
                .texts("upstreamModels", of(NewTask::upstreamModel))
                .texts("callbackUrls", of(NewTask::callbackUrl))
                .decimals("units", of(NewTask::units))
                .uuids("apiKeys", of(NewTask::apiKey))
                .uuids("eventIds", of(task -> EventId.next(now)))
                .texts("traceparents", given -> given.getValue().traceparent())
                .texts("bodies", of(NewTask::body))
                .texts("families", of(NewTask::family))
                .ints("slots", of(NewTask::slots))
                .ints("priorities", of(NewTask::priority))
                .written("deadlines", of(NewTask::deadline))
                .texts("slotModels", of(NewTask::slotModel))
                .texts("accounts", of(NewTask::account))
                .texts("metadata", of(NewTask::metadata))
                .written("unnamed", of(task -> task.unnamed() ? true : null))
                .rest()
                .bind("unitPrice", UnitPrice.one())
                .bind("currency", UnitPrice.currency())
                .bind("now", now)
                .map(
                    (row, context) -> {
                      Entry entry = Objects.requireNonNull(byId.get(row.getString("id")));
                      submission(entry, row, now).ifPresent(answer -> answers.put(entry, answer));
                      return entry;
                    })
                .list();
          });
    } catch (UnableToExecuteStatementException e) {
      String externalTaskId = group.get(0).task().externalTaskId();
      if (group.size() == 1
          && externalTaskId != null
          && SqlStates.of(e).equals(SqlStates.UNIQUE_VIOLATION)
          && String.valueOf(e.getMessage()).contains("task_external_id")) {
        answers.put(group.get(0), new Submission.ExternalIdTaken(externalTaskId));
        return answers;
      }
      throw e;
    }
    return answers;
  }

  /** Nothing when it has to be given again. */
  private static Optional<Submission> submission(Entry entry, ResultSet row, Instant now)
      throws SQLException {
    if (row.getBoolean("stored")) {
      return Optional.of(new Submission.Stored(row.getString("id"), now));
    }
    String first = row.getString("first_id");
    if (first != null) {
      return Optional.of(
          row.getBoolean("same_request")
              ? new Submission.Replayed(
                  first,
                  row.getString("first_external_id"),
                  Rows.instant(row, "first_created_at"),
                  row.getObject("first_request_id", UUID.class))
              : new Submission.KeyReused());
    }
    String externalTaskId = entry.task().externalTaskId();
    return row.getBoolean("taken") && externalTaskId != null
        ? Optional.of(new Submission.ExternalIdTaken(externalTaskId))
        : Optional.empty();
  }

  private static <V> Function<Map.Entry<String, Entry>, @Nullable V> of(
      Function<NewTask, @Nullable V> value) {
    return given -> value.apply(given.getValue().task());
  }

  private static <V> Function<Map.Entry<String, Entry>, @Nullable V> ofKey(
      Function<NewTask.Idempotency, V> value) {
    return of(
        task -> {
          NewTask.Idempotency idempotency = task.idempotency();
          return idempotency == null ? null : value.apply(idempotency);
        });
  }

  Submission track(TrackedTask task, @Nullable String traceparent) {
    Instant now = clock.instant();
    String id = TaskId.next(now);
    try {
      boolean stored =
          jdbi.inTransaction(
              handle -> {
                handle
                    .createQuery(ALONE)
                    .bind("tenant", task.tenant())
                    .mapTo(String.class)
                    .findOne();
                return handle
                    .createQuery(TRACK)
                    .bind("id", id)
                    .bind("tenant", task.tenant())
                    .bind("kind", task.kind())
                    .bind("externalTaskId", task.externalTaskId())
                    .bind("model", task.model())
                    .bind("account", task.account())
                    .bind("klingTaskId", task.klingTaskId())
                    .bind("family", task.family())
                    .bind("apiKey", task.apiKey())
                    .bind("metadata", task.metadata())
                    .bind("now", now)
                    .bind("eventId", EventId.next(now))
                    .bind("traceparent", traceparent)
                    .bind("most", trackedMost)
                    .mapTo(String.class)
                    .findOne()
                    .isPresent();
              });
      return stored ? new Submission.Stored(id, now) : new Submission.TooManyTracked(trackedMost);
    } catch (UnableToExecuteStatementException e) {
      String message = String.valueOf(e.getMessage());
      boolean taken = SqlStates.of(e).equals(SqlStates.UNIQUE_VIOLATION);
      if (taken && task.externalTaskId() != null && message.contains("task_external_id")) {
        return new Submission.ExternalIdTaken(task.externalTaskId());
      }
      if (taken && task.klingTaskId() != null && message.contains("task_kling")) {
        return new Submission.KlingIdTaken(task.klingTaskId());
      }
      throw e;
    }
  }
}
