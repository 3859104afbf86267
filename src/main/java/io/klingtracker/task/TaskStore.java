package io.klingtracker.task;

import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
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
 * The statements that write a task. Each is one round trip and one commit: the change, its event,
 * and the queue rows of the work that it causes come into being together or not at all.
 */
@Singleton
class TaskStore {

  private static final String UNIQUE_VIOLATION = "23505";

  /** Different pieces of news that changed nothing, kept for each task; more are dropped. */
  private static final int NEWS_LIMIT = 500;

  /**
   * What is on Kafka and in every feed; the names are contract. Written once, here, from the task
   * as it now is.
   */
  private static final String PAYLOAD =
      """
      json_build_object(
        'event_id', m.event_id, 'sequence', m.sequence, 'task_id', m.id, 'external_task_id', m.external_task_id,
        'kling_task_id', m.kling_task_id, 'tenant', m.tenant_id, 'account', m.account, 'kind', m.kind,
        'model', m.model, 'status', m.status, 'previous_status', m.previous_status,
        'status_message', m.status_message, 'error_code', m.error_code, 'late', m.late, 'source', m.source,
        'occurred_at', to_char(m.updated_at at time zone 'UTC', %s),
        'result', m.result, 'units', m.units)
      """
          .formatted(Rfc3339.SQL_PATTERN);

  /** From the rows in {@code moved}: the event, its place in the outbox. */
  private static final String EVENT =
      """
      event as (
        insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source, occurred_at,
            feed_position, traceparent, payload)
        select m.id, m.sequence, m.event_id, m.tenant_id, m.status, m.previous_status, m.source, m.updated_at,
            m.feed_position, m.traceparent, %s
        from moved m
        returning id, task_id, sequence
      ),
      relayed as (
        insert into outbox (lane, id, task_id, sequence)
        select outbox_lane(task_id), id, task_id, sequence from event
      )\
      """
          .formatted(PAYLOAD);

  /**
   * Stores several submissions. Those that repeat an Idempotency-Key or an external id of before
   * are left out, and told apart in the answer; of those that repeat each other's, the first is
   * stored, and the others find it there when they are given again. Rows are written in one order,
   * so that two groups cannot deadlock.
   */
  private static final String SUBMIT =
      """
      with given as (
        select * from unnest(
          cast(:ids as text[]), cast(:tenants as text[]), cast(:keys as text[]), cast(:hashes as text[]),
          cast(:requestIds as uuid[]), cast(:kinds as text[]), cast(:externalTaskIds as text[]), cast(:models as text[]),
          cast(:upstreamModels as text[]), cast(:callbackUrls as text[]), cast(:units as numeric[]), cast(:apiKeys as uuid[]),
          cast(:eventIds as uuid[]), cast(:traceparents as text[]), cast(:bodies as text[]), cast(:families as text[]),
          cast(:slots as int[]), cast(:priorities as int[]), cast(:deadlines as timestamptz[])) with ordinality
        as g(id, tenant_id, key, request_hash, request_id, kind, external_task_id, model, upstream_model, callback_url, units,
             api_key_id, event_id, traceparent, body, family, slots, priority, deadline_at, place)
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
            a.units, pg_current_xact_id()::text::bigint, cast(:now as timestamptz), cast(:now as timestamptz), a.api_key_id
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
        insert into dispatch_queue (task_id, tenant_id, upstream_model, family, slots, priority, due_at, deadline_at)
        select s.id, s.tenant_id, s.upstream_model, a.family, a.slots, a.priority, s.created_at, a.deadline_at
        from stored s join asked a on a.id = s.id
      ),
      """
          + EVENT
          + """

          select a.id, s.id is not null as stored, a.taken and not a.later_with_key as taken, a.same_request,
            a.first_request_id, t.id as first_id, t.external_task_id as first_external_id, t.created_at as first_created_at
          from asked a left join stored s on s.id = a.id
            left join lateral (select * from task where id = a.first_id limit 1) t on true
          """;

  /**
   * Applies one piece of news to each of several tasks. The lifecycle stands in the {@code where},
   * so repeated or late news updates no row. Rows are locked in id order, so that two batches
   * cannot deadlock. News too old to move its task may still be the first to name Kling's id, since
   * a callback can overtake the create's answer.
   */
  private static final String APPLY =
      """
      with news as (
        select * from unnest(
          cast(:ids as text[]), cast(:statuses as task_status[]), cast(:sources as text[]), cast(:words as text[]),
          cast(:klingIds as text[]), cast(:messages as text[]), cast(:codes as int[]), cast(:results as json[]),
          cast(:units as numeric[]), cast(:checks as timestamptz[]), cast(:eventIds as uuid[]),
          cast(:traceparents as text[]))
        as n(task_id, status, source, word, kling_task_id, message, code, result, units, next_check_at, event_id,
             traceparent)
      ),
      before as (
        select t.id, t.status, t.kling_task_id from task t join news n on n.task_id = t.id
        order by t.id for no key update of t %s
      ),
      updated as (
        update task t set
          previous_status = t.status,
          status = n.status,
          sequence = t.sequence + 1,
          status_message = nullif(n.message, ''),
          error_code = n.code,
          late = t.status = 'expired',
          kling_task_id = coalesce(t.kling_task_id, n.kling_task_id),
          account = coalesce(t.account, (select o.account from open_task o where o.task_id = t.id)),
          result = n.result,
          units = coalesce(n.units, t.units),
          dispatched_at = coalesce(t.dispatched_at,
            case when n.status in ('submitted', 'processing', 'succeed')
                   or n.status = 'failed' and n.kling_task_id is not null then cast(:now as timestamptz) end),
          updated_at = cast(:now as timestamptz),
          finished_at = case when n.status in ('succeed', 'failed', 'canceled') then cast(:now as timestamptz) end,
          result_expires_at = case when n.status = 'succeed' then cast(:now as timestamptz) + cast(:resultLife as interval) end,
          feed_position = greatest(t.feed_position, pg_current_xact_id()::text::bigint)
        from news n join before b on b.id = n.task_id
        where t.id = n.task_id and task_accepts(t.status, n.status)
          and (t.kling_task_id is null or n.kling_task_id is null or t.kling_task_id = n.kling_task_id)
        returning t.*
      ),
      moved as (
        -- What we do on our own goes on with the trace of the submission.
        select u.*, n.event_id, n.source, n.next_check_at,
          coalesce(n.traceparent,
            (select e.traceparent from task_event e where e.task_id = u.id and e.sequence = 1)) as traceparent
        from updated u join news n on n.task_id = u.id
      ),
      """
          + EVENT
          + """
          ,
          told as (
            insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
            select m.id, m.sequence, m.event_id, m.tenant_id, webhook_host(m.callback_url), m.status, m.updated_at, m.updated_at
            from moved m where m.callback_url is not null
          ),
          dispatched as (delete from dispatch_queue q using moved m where q.task_id = m.id),
          ended as (
            delete from open_task o using moved m where o.task_id = m.id and m.status in ('succeed', 'failed', 'canceled')
          ),
          watched as (
            update open_task o set
              -- An end that waits for its proof is asked about when that was planned, whatever older news comes beside it.
              next_check_at = case when o.proving is null then coalesce(m.next_check_at, o.next_check_at)
                else o.next_check_at end,
              slots = case when m.status = 'expired' then 0 else o.slots end
            from moved m where o.task_id = m.id and m.status in ('submitted', 'processing', 'expired')
          ),
          adopted as (
            update task t set kling_task_id = n.kling_task_id,
              account = coalesce(t.account, (select o.account from open_task o where o.task_id = t.id))
            from news n join before b on b.id = n.task_id
            where t.id = n.task_id and b.kling_task_id is null and n.kling_task_id is not null
              and not task_accepts(b.status, n.status)
          ),
          ignored as (
            select b.id, n.source, n.word, n.message,
              case when b.kling_task_id <> n.kling_task_id then 'other-task'
                   when b.status = n.status then 'repeated'
                   when b.status in ('succeed', 'failed') and n.status in ('succeed', 'failed') then 'contradicts'
                   else 'older' end as reason
            from news n join before b on b.id = n.task_id
            where not exists (select from moved m where m.id = b.id)
          ),
          noted as (
            insert into task_news (task_id, at, source, status, reason, detail)
            select i.id, cast(:now as timestamptz), i.source, i.word, i.reason, nullif(i.message, '')
            from ignored i
            where (select count(*) from task_news w where w.task_id = i.id) < :newsLimit
            %s
          )
          select n.task_id as id, t.id is not null as known, coalesce(m.status, b.status)::text as status, m.sequence,
            m.tenant_id, i.reason
          from news n left join before b on b.id = n.task_id left join moved m on m.id = n.task_id
            left join ignored i on i.id = n.task_id left join task t on t.id = n.task_id and b.id is null
          """;

  /** The very same news again is counted, so that a sender who repeats himself fills no table. */
  private static final String COUNTED =
      """
      on conflict (task_id, source, reason, coalesce(status, ''), hashtextextended(coalesce(detail, ''), 0))
        do update set repeats = task_news.repeats + 1, repeated_at = excluded.at
      """;

  private static final String APPLY_WAITING = APPLY.formatted("", COUNTED);

  /** Leaves out tasks that another transaction holds. */
  private static final String APPLY_UNLOCKED = APPLY.formatted("skip locked", COUNTED);

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
          feed_position = greatest(t.feed_position, pg_current_xact_id()::text::bigint)
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
          + EVENT
          + """
              ,
              told as (
            insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
            select m.id, m.sequence, m.event_id, m.tenant_id, webhook_host(m.callback_url), m.status, m.updated_at, m.updated_at
            from moved m where m.callback_url is not null
          )
              select id, tenant_id, sequence from moved
          """;

  private static final String NOTE =
      """
      insert into task_news (task_id, at, source, status, reason, detail)
      select id, cast(:now as timestamptz), :source, :status, :reason, :detail from task
      where id = :id and (select count(*) from task_news where task_id = :id) < :newsLimit
      """
          + COUNTED;

  /** A task that another program submits: nothing is dispatched, and it holds no slot of ours. */
  private static final String TRACK =
      """
      with stored as (
        insert into task (id, tenant_id, kind, external_task_id, model, upstream_model, account, kling_task_id, status,
            sequence, feed_position, created_at, updated_at)
        values (:id, :tenant, :kind, :externalTaskId, :model, :model, :account, :klingTaskId, 'queued', 1,
            pg_current_xact_id()::text::bigint, cast(:now as timestamptz), cast(:now as timestamptz))
        returning *
      ),
      moved as (
        select s.*, cast(:eventId as uuid) as event_id, 'submit' as source, cast(:traceparent as text) as traceparent
        from stored s
      ),
      watched as (
        insert into open_task (task_id, account, upstream_model, family, slots, next_check_at, tracked, ask_id)
        select id, account, upstream_model, :family, 0, created_at, true, external_task_id from stored
      ),
      """
          + EVENT
          + """

          select id from stored
          """;

  private final Jdbi jdbi;
  private final Clock clock;
  private final Duration resultLife;

  @Inject
  TaskStore(Jdbi jdbi, Clock clock, TaskConfig config) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.resultLife = config.resultLife();
  }

  /** Answers each submission, in their order; see {@link #SUBMIT}. */
  List<Submission> submit(List<TaskWriter.Submitted> group) {
    Map<TaskWriter.Submitted, Submission> answers = new IdentityHashMap<>();
    List<TaskWriter.Submitted> left = group;
    // A round stores at least the first of those that repeat each other; only one who repeats what
    // another transaction stores in this moment, and then does not, is there for longer.
    for (int round = 0; !left.isEmpty() && round <= group.size(); round++) {
      answers.putAll(submitOnce(left));
      left = left.stream().filter(submitted -> !answers.containsKey(submitted)).toList();
    }
    return group.stream()
        .map(submitted -> answers.getOrDefault(submitted, new Submission.KeyRunning()))
        .toList();
  }

  private Map<TaskWriter.Submitted, Submission> submitOnce(List<TaskWriter.Submitted> group) {
    Instant now = clock.instant();
    Map<String, TaskWriter.Submitted> byId = new LinkedHashMap<>();
    group.forEach(submitted -> byId.put(TaskId.next(now), submitted));
    List<NewTask> tasks = group.stream().map(TaskWriter.Submitted::task).toList();
    Map<TaskWriter.Submitted, Submission> answers = new IdentityHashMap<>();
    try {
      jdbi.useHandle(
          handle ->
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
                      "traceparents", String.class, each(group, TaskWriter.Submitted::traceparent))
                  .bindArray("bodies", String.class, each(tasks, NewTask::body))
                  .bindArray("families", String.class, each(tasks, NewTask::family))
                  .bindArray("slots", Integer.class, each(tasks, NewTask::slots))
                  .bindArray("priorities", Integer.class, each(tasks, NewTask::priority))
                  .bindArray(
                      "deadlines",
                      String.class,
                      each(
                          tasks,
                          task -> task.deadline() == null ? null : task.deadline().toString()))
                  .bind("now", now)
                  .map(
                      (row, context) -> {
                        TaskWriter.Submitted submitted =
                            Objects.requireNonNull(byId.get(row.getString("id")));
                        submission(submitted, row, now)
                            .ifPresent(answer -> answers.put(submitted, answer));
                        return submitted;
                      })
                  .list());
    } catch (UnableToExecuteStatementException e) {
      String externalTaskId = tasks.get(0).externalTaskId();
      if (tasks.size() == 1
          && externalTaskId != null
          && sqlState(e).equals(UNIQUE_VIOLATION)
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
      TaskWriter.Submitted submitted, ResultSet row, Instant now) throws SQLException {
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
    String externalTaskId = submitted.task().externalTaskId();
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

  /** At most one piece of news per task; see {@link #APPLY}. */
  Map<String, Outcome> apply(List<News> batch, @Nullable String traceparent) {
    return apply(APPLY_WAITING, batch, traceparent);
  }

  /** The same, but tasks that another transaction holds are left alone: {@link Outcome.Busy}. */
  Map<String, Outcome> applyUnlocked(List<News> batch, @Nullable String traceparent) {
    return apply(APPLY_UNLOCKED, batch, traceparent);
  }

  private Map<String, Outcome> apply(
      String statement, List<News> batch, @Nullable String traceparent) {
    Instant now = clock.instant();
    List<News> news = new ArrayList<>(batch);
    news.sort(Comparator.comparing(News::taskId));
    int size = news.size();
    String[] ids = new String[size];
    String[] statuses = new String[size];
    String[] sources = new String[size];
    String[] words = new String[size];
    @Nullable String[] klingIds = new String[size];
    String[] messages = new String[size];
    @Nullable Integer[] codes = new Integer[size];
    @Nullable String[] results = new String[size];
    @Nullable BigDecimal[] units = new BigDecimal[size];
    @Nullable String[] checks = new String[size];
    UUID[] eventIds = new UUID[size];
    @Nullable String[] traceparents = new String[size];
    for (int i = 0; i < size; i++) {
      News item = news.get(i);
      ids[i] = item.taskId();
      statuses[i] = item.signal().status().word();
      sources[i] = item.source().word();
      words[i] = clean(item.word());
      klingIds[i] = item.klingTaskId() == null ? null : clean(item.klingTaskId());
      messages[i] = clean(message(item.signal()));
      codes[i] = item.signal() instanceof TaskSignal.Failed failed ? failed.code() : null;
      results[i] = item.signal() instanceof TaskSignal.Succeed done ? done.result() : null;
      units[i] = item.units();
      checks[i] = item.nextCheckAt() == null ? null : item.nextCheckAt().toString();
      eventIds[i] = EventId.next(now);
      traceparents[i] = traceparent;
    }
    Map<String, Outcome> outcomes = new HashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(statement)
                .bind("newsLimit", NEWS_LIMIT)
                .bindArray("ids", String.class, (Object[]) ids)
                .bindArray("statuses", String.class, (Object[]) statuses)
                .bindArray("sources", String.class, (Object[]) sources)
                .bindArray("words", String.class, (Object[]) words)
                .bindArray("klingIds", String.class, (Object[]) klingIds)
                .bindArray("messages", String.class, (Object[]) messages)
                .bindArray("codes", Integer.class, (Object[]) codes)
                .bindArray("results", String.class, (Object[]) results)
                .bindArray("units", BigDecimal.class, (Object[]) units)
                .bindArray("checks", String.class, (Object[]) checks)
                .bindArray("eventIds", UUID.class, (Object[]) eventIds)
                .bindArray("traceparents", String.class, (Object[]) traceparents)
                .bind("now", now)
                .bind("resultLife", resultLife.toSeconds() + " seconds")
                .map(
                    (row, context) -> {
                      String id = row.getString("id");
                      outcomes.put(id, outcome(id, row));
                      return id;
                    })
                .list());
    return outcomes;
  }

  private static Outcome outcome(String id, ResultSet row) throws SQLException {
    String status = row.getString("status");
    if (status == null) {
      return row.getBoolean("known") ? new Outcome.Busy() : new Outcome.NoSuchTask();
    }
    String reason = row.getString("reason");
    return reason != null
        ? new Outcome.Ignored(TaskStatus.of(status), reason)
        : new Outcome.Moved(
            new TaskChanged(
                id, row.getString("tenant_id"), row.getInt("sequence"), TaskStatus.of(status)));
  }

  Submission track(TrackedTask task, @Nullable String traceparent) {
    Instant now = clock.instant();
    String id = TaskId.next(now);
    try {
      jdbi.useHandle(
          handle ->
              handle
                  .createQuery(TRACK)
                  .bind("id", id)
                  .bind("tenant", task.tenant())
                  .bind("kind", task.kind())
                  .bind("externalTaskId", task.externalTaskId())
                  .bind("model", task.model())
                  .bind("account", task.account())
                  .bind("klingTaskId", task.klingTaskId())
                  .bind("family", task.family())
                  .bind("now", now)
                  .bind("eventId", EventId.next(now))
                  .bind("traceparent", traceparent)
                  .mapTo(String.class)
                  .one());
      return new Submission.Stored(id, now);
    } catch (UnableToExecuteStatementException e) {
      String message = String.valueOf(e.getMessage());
      boolean taken = sqlState(e).equals(UNIQUE_VIOLATION);
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
      @Nullable Claimed claim,
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
                .bind("status", signal.status().word())
                .bind("message", clean(message(signal)))
                .bind("code", signal instanceof TaskSignal.Failed failed ? failed.code() : null)
                .bind("source", source.word())
                .bind("traceparent", traceparent)
                .bind("now", now)
                .map(
                    (row, context) ->
                        new TaskChanged(
                            row.getString("id"),
                            row.getString("tenant_id"),
                            row.getInt("sequence"),
                            signal.status()))
                .list());
  }

  void note(
      String taskId,
      Source source,
      @Nullable String status,
      String reason,
      @Nullable String detail) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(NOTE)
                .bind("newsLimit", NEWS_LIMIT)
                .bind("id", taskId)
                .bind("now", clock.instant())
                .bind("source", source.word())
                .bind("status", status == null ? null : clean(status))
                .bind("reason", reason)
                .bind("detail", detail == null ? null : clean(detail))
                .execute());
  }

  static boolean isOtherTasksId(Throwable failure) {
    return sqlState(failure).equals(UNIQUE_VIOLATION)
        && String.valueOf(failure.getMessage()).contains("task_kling");
  }

  private static String message(TaskSignal signal) {
    if (signal instanceof TaskSignal.Failed failed) {
      return failed.message();
    }
    if (signal instanceof TaskSignal.Expired expired) {
      return expired.message();
    }
    return signal instanceof TaskSignal.Canceled canceled ? canceled.message() : "";
  }

  /** PostgreSQL text cannot hold U+0000, which JSON can; it becomes the replacement character. */
  private static String clean(String text) {
    return text.indexOf('\0') < 0 ? text : text.replace('\0', '\ufffd');
  }

  private static String sqlState(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && sql.getSQLState() != null) {
        return sql.getSQLState();
      }
    }
    return "";
  }
}
