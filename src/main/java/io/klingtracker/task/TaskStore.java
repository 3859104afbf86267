package io.klingtracker.task;

import io.klingtracker.database.FreshPlans;
import io.klingtracker.database.SqlStates;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
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
 * The statements by which tasks are created and taken back. Each is one round trip and one commit:
 * the change, its event, and the queue rows of the work that it causes are created together or not
 * at all.
 */
@Singleton
class TaskStore {

  /**
   * Stores several submissions. Those that repeat an Idempotency-Key or an external id of before
   * are left out, and distinguished in the answer; of those that repeat each other's, the first is
   * stored, and the others find it there when they are given again. Rows are written in one order,
   * so that two groups cannot deadlock.
   */
  private static final String SUBMIT =
      """
      with given as (
        -- By way of subqueries, so that the planner keeps one plan; see FreshPlans.
        select * from unnest(
          (select cast(:ids as text[])), (select cast(:tenants as text[])), (select cast(:keys as text[])),
          (select cast(:hashes as text[])), (select cast(:requestIds as uuid[])), (select cast(:kinds as text[])),
          (select cast(:externalTaskIds as text[])), (select cast(:models as text[])),
          (select cast(:upstreamModels as text[])), (select cast(:callbackUrls as text[])),
          (select cast(:units as numeric[])), (select cast(:apiKeys as uuid[])), (select cast(:eventIds as uuid[])),
          (select cast(:traceparents as text[])), (select cast(:bodies as text[])),
          (select cast(:families as text[])), (select cast(:slots as int[])), (select cast(:priorities as int[])),
          (select cast(:deadlines as timestamptz[])), (select cast(:slotModels as text[]))) with ordinality
        as g(id, tenant_id, key, request_hash, request_id, kind, external_task_id, model, upstream_model, callback_url, units,
             api_key_id, event_id, traceparent, body, family, slots, priority, deadline_at, slot_model,
             place)
      ),
      asked as materialized (
        select g.*, k.task_id as first_id, k.request_id as first_request_id,
          k.request_hash = decode(g.request_hash, 'hex') as same_request,
          (select true from task t where t.tenant_id = g.tenant_id and t.external_task_id = g.external_task_id)
            is not null as taken,
          row_number() over (partition by g.tenant_id, coalesce(g.key, g.id) order by g.place) > 1 as later_with_key,
          row_number() over (partition by g.tenant_id, coalesce(g.external_task_id, g.id) order by g.place) > 1 as later
        -- The limits keep the planner from reading a table whole that was small when it planned.
        from given g left join lateral (
          select * from idempotency_key k where k.tenant_id = g.tenant_id and k.key = g.key limit 1) k on true
      ),
      key as (
        insert into idempotency_key (tenant_id, key, request_hash, request_id, task_id, created_at)
        select a.tenant_id, a.key, decode(a.request_hash, 'hex'), a.request_id, a.id, cast(:now as timestamptz)
        from asked a where a.key is not null and a.first_id is null and not a.taken
          and not a.later_with_key and not a.later
        order by a.tenant_id, a.key
        on conflict do nothing
        returning task_id
      ),
      stored as (
        insert into task (id, tenant_id, kind, external_task_id, model, upstream_model, callback_url, status, sequence,
            units_expected, feed_position, created_at, updated_at, api_key_id)
        -- Reading key first makes a repeated key fail before a repeated external id does.
        select a.id, a.tenant_id, a.kind, a.external_task_id, a.model, a.upstream_model, a.callback_url, 'queued', 1,
            a.units, """
          + TaskSql.POSITION
          + """
            , cast(:now as timestamptz), cast(:now as timestamptz), a.api_key_id
        from (select array_agg(task_id) as ids from key) as first, asked a
        where a.first_id is null and not a.taken and not a.later and (a.key is null or a.id = any(first.ids))
        order by a.tenant_id, a.external_task_id, a.id
        returning *
      ),
      moved as (
        select s.*, a.event_id, 'submit' as source, a.traceparent from stored s join asked a on a.id = s.id
      ),
      request as (insert into task_request (task_id, body) select a.id, a.body from stored s join asked a on a.id = s.id),
      queued as (
        insert into dispatch_queue (task_id, tenant_id, model, family, slots, priority, due_at, deadline_at)
        select s.id, s.tenant_id, coalesce(a.slot_model, s.upstream_model, ''), a.family, a.slots, a.priority,
          s.created_at, a.deadline_at
        from stored s join asked a on a.id = s.id
      ),
      """
          + TaskSql.RECORD_EVENT
          + """

          select a.id, s.id is not null as stored, a.taken and not a.later_with_key as taken, a.same_request,
            a.first_request_id, t.id as first_id, t.external_task_id as first_external_id, t.created_at as first_created_at
          from asked a left join stored s on s.id = a.id
            left join lateral (select * from task where id = a.first_id limit 1) t on true
          """;

  /**
   * Ends tasks that wait for dispatch, if nothing was sent for them, or if what was sent is proved
   * not to have arrived and the claim under which that was proved is still held. Taking the queue
   * row is what decides between this and a dispatch at the same time: whoever comes second finds it
   * changed. The task's row is locked first, as everywhere.
   */
  private static final String END_QUEUED =
      """
      with asked as (
        select * from unnest(cast(:ids as text[]), cast(:eventIds as uuid[])) as a(task_id, event_id)
      ),
      before as (
        select t.id from task t join asked a on a.task_id = t.id order by t.id for no key update of t
      ),
      taken as (
        delete from dispatch_queue q using before b
        where q.task_id = b.id
          and (q.sent_at is null or q.claimed_by = cast(:owner as text) and q.attempts = cast(:attempts as int))
          and (cast(:dueBy as timestamptz) is null or q.deadline_at <= cast(:dueBy as timestamptz))
        returning q.task_id
      ),
      updated as (
        update task t set
          previous_status = t.status,
          status = cast(:status as task_status),
          sequence = t.sequence + 1,
          status_message = nullif(cast(:message as text), ''),
          error_code = cast(:code as int),
          updated_at = cast(:now as timestamptz),
          finished_at = cast(:now as timestamptz),
          feed_position = greatest(t.feed_position, """
          + TaskSql.POSITION
          + """
          )
        from taken k
        where t.id = k.task_id and t.status = 'queued'
        returning t.*
      ),
      moved as (
        select u.*, a.event_id, cast(:source as text) as source, cast(:traceparent as text) as traceparent
        from updated u join asked a on a.task_id = u.id
      ),
      freed as (delete from open_task o using taken k where o.task_id = k.task_id),
      """
          + TaskSql.RECORD_EVENT
          + ",\n"
          + TaskSql.PLAN_DELIVERIES
          + """

          select id, tenant_id, sequence, callback_url is not null as webhook from moved
          """;

  /** A task that another program submits: nothing is dispatched, and it holds no slot of ours. */
  private static final String TRACK =
      """
      with stored as (
        insert into task (id, tenant_id, kind, tracked, external_task_id, model, upstream_model, account, kling_task_id,
            status, sequence, feed_position, created_at, updated_at, api_key_id)
        select :id, :tenant, :kind, true, :externalTaskId, :model, :model, :account, :klingTaskId, 'queued', 1,
          """
          + TaskSql.POSITION
          + """
            , cast(:now as timestamptz), cast(:now as timestamptz), cast(:apiKey as uuid)
        where (select count(*) from open_task where tenant_id = :tenant and tracked) < :most
        returning *
      ),
      moved as (
        select s.*, cast(:eventId as uuid) as event_id, 'submit' as source, cast(:traceparent as text) as traceparent
        from stored s
      ),
      watched as (
        insert into open_task (task_id, tenant_id, account, family, slots, next_check_at, tracked, ask_id)
        select id, tenant_id, account, :family, 0, created_at, true, external_task_id from stored
      ),
      named as (
        -- Whoever names an id first has it; the others see nothing of it. See ReconcileStore.
        insert into tracked_id (account, id, tenant_id, task_id)
        select s.account, n.id, s.tenant_id, s.id
        from stored s cross join lateral (
          select distinct v.id from (values (s.kling_task_id), (s.external_task_id)) as v(id)) n
        where n.id is not null
        order by n.id
        on conflict do nothing
      ),
      """
          + TaskSql.RECORD_EVENT
          + """

          select id from stored
          """;

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

  @Inject
  TaskStore(Jdbi jdbi, Clock clock) {
    this(jdbi, clock, TRACKED_PER_TENANT);
  }

  TaskStore(Jdbi jdbi, Clock clock, int trackedMost) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.trackedMost = trackedMost;
  }

  /** Answers each submission, in their order; see {@link #SUBMIT}. */
  List<Submission> submit(List<SubmissionWriter.Entry> group) {
    Map<SubmissionWriter.Entry, Submission> answers = new IdentityHashMap<>();
    List<SubmissionWriter.Entry> left = group;
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

  private Map<SubmissionWriter.Entry, Submission> submitOnce(List<SubmissionWriter.Entry> group) {
    Instant now = clock.instant();
    Map<String, SubmissionWriter.Entry> byId = new LinkedHashMap<>();
    group.forEach(entry -> byId.put(TaskId.next(now), entry));
    List<NewTask> tasks = group.stream().map(SubmissionWriter.Entry::task).toList();
    Map<SubmissionWriter.Entry, Submission> answers = new IdentityHashMap<>();
    try {
      jdbi.useHandle(
          handle -> {
            plans.on(handle);
            handle
                .createQuery(SUBMIT)
                .bindArray("ids", String.class, byId.keySet())
                .bindArray("tenants", String.class, each(tasks, NewTask::tenant))
                .bindArray("keys", String.class, each(tasks, ofKey(NewTask.Idempotency::key)))
                .bindArray(
                    "hashes",
                    String.class,
                    each(tasks, ofKey(key -> HexFormat.of().formatHex(key.requestHash()))))
                .bindArray(
                    "requestIds", UUID.class, each(tasks, ofKey(NewTask.Idempotency::requestId)))
                .bindArray("kinds", String.class, each(tasks, NewTask::kind))
                .bindArray("externalTaskIds", String.class, each(tasks, NewTask::externalTaskId))
                .bindArray("models", String.class, each(tasks, NewTask::model))
                .bindArray("upstreamModels", String.class, each(tasks, NewTask::upstreamModel))
                .bindArray("callbackUrls", String.class, each(tasks, NewTask::callbackUrl))
                .bindArray("units", BigDecimal.class, each(tasks, NewTask::units))
                .bindArray("apiKeys", UUID.class, each(tasks, NewTask::apiKey))
                .bindArray("eventIds", UUID.class, each(tasks, task -> EventId.next(now)))
                .bindArray(
                    "traceparents", String.class, each(group, SubmissionWriter.Entry::traceparent))
                .bindArray("bodies", String.class, each(tasks, NewTask::body))
                .bindArray("families", String.class, each(tasks, NewTask::family))
                .bindArray("slots", Integer.class, each(tasks, NewTask::slots))
                .bindArray("priorities", Integer.class, each(tasks, NewTask::priority))
                .bindArray(
                    "deadlines",
                    String.class,
                    each(
                        tasks, task -> task.deadline() == null ? null : task.deadline().toString()))
                .bindArray("slotModels", String.class, each(tasks, NewTask::slotModel))
                .bind("now", now)
                .map(
                    (row, context) -> {
                      SubmissionWriter.Entry entry =
                          Objects.requireNonNull(byId.get(row.getString("id")));
                      submission(entry, row, now).ifPresent(answer -> answers.put(entry, answer));
                      return entry;
                    })
                .list();
          });
    } catch (UnableToExecuteStatementException e) {
      String externalTaskId = tasks.get(0).externalTaskId();
      if (tasks.size() == 1
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
  private static Optional<Submission> submission(
      SubmissionWriter.Entry entry, ResultSet row, Instant now) throws SQLException {
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
                  row.getTimestamp("first_created_at").toInstant(),
                  row.getObject("first_request_id", UUID.class))
              : new Submission.KeyReused());
    }
    String externalTaskId = entry.task().externalTaskId();
    return row.getBoolean("taken") && externalTaskId != null
        ? Optional.of(new Submission.ExternalIdTaken(externalTaskId))
        : Optional.empty();
  }

  private static <I, V> List<@Nullable V> each(
      List<I> items, Function<? super I, ? extends @Nullable V> value) {
    List<@Nullable V> values = new ArrayList<>(items.size());
    items.forEach(item -> values.add(value.apply(item)));
    return values;
  }

  private static <V> Function<NewTask, @Nullable V> ofKey(Function<NewTask.Idempotency, V> value) {
    return task -> {
      NewTask.Idempotency idempotency = task.idempotency();
      return idempotency == null ? null : value.apply(idempotency);
    };
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

  /** See {@link #END_QUEUED}. */
  List<TaskChanged> endQueued(
      List<String> taskIds,
      Source source,
      TaskSignal signal,
      @Nullable ClaimToken claim,
      @Nullable Instant dueBy,
      @Nullable String traceparent) {
    Instant now = clock.instant();
    List<String> ids = taskIds.stream().sorted().toList();
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(END_QUEUED)
                .bindArray("ids", String.class, ids)
                .bindArray(
                    "eventIds", UUID.class, ids.stream().map(id -> EventId.next(now)).toList())
                .bind("owner", claim == null ? null : claim.owner())
                .bind("attempts", claim == null ? null : claim.attempts())
                .bind("dueBy", dueBy)
                .bind("status", signal.status().wireName())
                .bind("message", TaskSql.detail(TaskSql.message(signal)))
                .bind("code", signal instanceof TaskSignal.Failed failed ? failed.code() : null)
                .bind("source", source.wireName())
                .bind("traceparent", traceparent)
                .bind("now", now)
                .map(
                    (row, context) ->
                        new TaskChanged(
                            row.getString("id"),
                            row.getString("tenant_id"),
                            row.getInt("sequence"),
                            signal.status(),
                            row.getBoolean("webhook")))
                .list());
  }
}
