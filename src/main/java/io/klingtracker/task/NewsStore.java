package io.klingtracker.task;

import io.klingtracker.database.FreshPlans;
import io.klingtracker.database.SqlStates;
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
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/**
 * The statements by which news moves tasks. Each is one round trip: the change, its event, and the
 * queue rows of the work that it causes are created together or not at all.
 */
@Singleton
class NewsStore {

  /** Different pieces of news that changed nothing, kept for each task; more are dropped. */
  private static final int NEWS_LIMIT = 500;

  /**
   * Arrays come by way of a subquery: a planner that sees how long they are plans anew for each
   * group, which costs a small one as much as its work, and reads tables whole for large ones. See
   * {@link FreshPlans}.
   */
  private static final String GIVEN =
      """
      with news as (
        select * from unnest(
          (select cast(:ids as text[])), (select cast(:statuses as task_status[])), (select cast(:sources as text[])),
          (select cast(:words as text[])), (select cast(:klingIds as text[])), (select cast(:messages as text[])),
          (select cast(:codes as int[])), (select cast(:results as json[])), (select cast(:units as numeric[])),
          (select cast(:checks as timestamptz[])), (select cast(:eventIds as uuid[])),
          (select cast(:traceparents as text[])))
        as n(task_id, status, source, word, named_id, message, code, said_result, said_units, check_at, event_id,
             traceparent)
      ),
      """;

  /**
   * From the rows in {@code before}: the tasks that the news moves. The lifecycle is in the {@code
   * where}, so repeated or late news updates no row.
   */
  private static final String MOVED =
      """
      updated as (
        update task t set
          previous_status = t.status,
          status = b.next_status,
          sequence = t.sequence + 1,
          status_message = nullif(b.message, ''),
          error_code = b.code,
          kling_task_id = coalesce(t.kling_task_id, b.named_id),
          account = coalesce(t.account, (select o.account from open_task o where o.task_id = t.id)),
          result = b.said_result,
          units = coalesce(b.said_units, t.units),
          dispatched_at = coalesce(t.dispatched_at,
            case when b.next_status in ('submitted', 'processing', 'succeed')
                   or b.next_status = 'failed' and b.named_id is not null then cast(:now as timestamptz) end),
          updated_at = cast(:now as timestamptz),
          finished_at = case when b.next_status in ('succeed', 'failed', 'canceled') then cast(:now as timestamptz) end,
          result_expires_at =
            case when b.next_status = 'succeed' then cast(:now as timestamptz) + cast(:resultLife as interval) end,
          feed_position = greatest(t.feed_position, """
          + TaskSql.POSITION
          + """
          )
        from before b
        where t.id = b.id and task_accepts(t.status, b.next_status)
          and (t.kling_task_id is null or b.named_id is null or t.kling_task_id = b.named_id)
        returning t.*, b.event_id, b.source, b.check_at, b.lead_millis,
          -- What we do on our own continues the trace of the submission.
          coalesce(b.traceparent,
            (select e.traceparent from task_event e where e.task_id = t.id and e.sequence = 1)) as traceparent
      ),
      moved as (select * from updated),
      """
          + TaskSql.RECORD_EVENT
          + ",\n"
          + TaskSql.PLAN_DELIVERIES
          + """
          ,
          dispatched as (delete from dispatch_queue q using moved m where q.task_id = m.id),
          ended as (
            delete from open_task o using moved m where o.task_id = m.id and m.status in ('succeed', 'failed', 'canceled')
          )\
          """;

  /**
   * Applies one piece of news to each of several tasks. Rows are locked in id order, so that two
   * batches cannot deadlock. News too old to move its task may still be the first to name Kling's
   * id, since a callback can overtake the create's answer.
   */
  private static final String APPLY =
      GIVEN
          + """
          before as (
            select t.id, t.status, t.kling_task_id, n.status as next_status, n.source, n.word, n.named_id, n.message, n.code,
              n.said_result, n.said_units, n.check_at, n.event_id, n.traceparent, null::bigint as lead_millis
            from news n join task t on t.id = n.task_id
            order by t.id for no key update of t %s
          ),
            """
          + MOVED
          + """
          ,
          watched as (
            update open_task o set
              -- An end that waits for its proof is asked about when that was planned, whatever older news comes beside it.
              next_check_at = case when o.proving is null then coalesce(m.check_at, o.next_check_at)
                else o.next_check_at end,
              slots = case when m.status = 'expired' then 0 else o.slots end
            from moved m where o.task_id = m.id and m.status in ('submitted', 'processing', 'expired')
          ),
          -- Whoever asks about a task that has ended is not to ask again.
          forgotten as (
            delete from open_task o using before b
            where o.task_id = b.id and b.status in ('succeed', 'failed', 'canceled')
          ),
          adopted as (
            update task t set kling_task_id = b.named_id,
              account = coalesce(t.account, (select o.account from open_task o where o.task_id = t.id))
            from before b
            where t.id = b.id and b.kling_task_id is null and b.named_id is not null
              and not task_accepts(b.status, b.next_status)
          ),
          ignored as (
            select b.id, b.source, b.word, b.message,
              case when b.kling_task_id <> b.named_id then 'other-task'
                   when b.status = b.next_status then 'repeated'
                   when b.status in ('succeed', 'failed') and b.next_status in ('succeed', 'failed') then 'contradicts'
                   else 'older' end as reason
            from before b
            where not exists (select from moved m where m.id = b.id)
          ),
          noted as (
            insert into task_news (task_id, at, source, status, reason, detail)
            -- What was said of another task is not this one's to tell.
            select i.id, cast(:now as timestamptz), i.source,
              case when i.reason <> 'other-task' then i.word end, i.reason,
              case when i.reason <> 'other-task' then nullif(i.message, '') end
            from ignored i
            where (select count(*) from task_news w where w.task_id = i.id) < :newsLimit
            %s
          )
          select n.task_id as id, t.id is not null as known, coalesce(m.status, b.status)::text as status, m.sequence,
            m.tenant_id, m.callback_url is not null as webhook, i.reason
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
   * The same for news that needs no second look: it moves a task of ours that may be running at
   * Kling, of that task's id there, which nobody holds and for which no older callback waits. All
   * other news is left alone, for {@link #APPLY}.
   */
  private static final String APPLY_AT_ONCE =
      GIVEN
          + """
          before as (
            select t.id, n.status as next_status, n.source, n.named_id, n.message, n.code, n.said_result, n.said_units,
              n.check_at, n.event_id, n.traceparent, coalesce(o.lead_millis,
                greatest(0, extract(epoch from o.next_check_at - cast(:now as timestamptz)) * 1000)::bigint) as lead_millis
            from news n join task t on t.id = n.task_id join open_task o on o.task_id = n.task_id
            where task_accepts(t.status, n.status) and not t.tracked
              and (t.kling_task_id is null or t.kling_task_id = n.named_id)
              and not exists (select from callback_receipt r where r.task_id = n.task_id and r.verdict = 'pending')
            order by t.id for no key update of t skip locked
          ),
          """
          + MOVED
          + """

          select id, tenant_id, sequence, status::text as status, kind, upstream_model, coalesce(account, '') as account,
            lead_millis, callback_url is not null as webhook
          from moved
          """;

  private static final String NOTE =
      """
      insert into task_news (task_id, at, source, status, reason, detail)
      select id, cast(:now as timestamptz), :source, :status, :reason, :detail from task
      where id = :id and (select count(*) from task_news where task_id = :id) < :newsLimit
      """
          + COUNTED;

  private final Jdbi jdbi;
  private final Clock clock;
  private final Duration resultLife;
  private final FreshPlans plans = new FreshPlans();

  @Inject
  NewsStore(Jdbi jdbi, Clock clock, TaskConfig config) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.resultLife = config.resultLife();
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
    Map<String, Outcome> outcomes = new HashMap<>();
    jdbi.useHandle(
        handle ->
            given(handle, statement, batch, traceparent)
                .bind("newsLimit", NEWS_LIMIT)
                .map(
                    (row, context) -> {
                      String id = row.getString("id");
                      outcomes.put(id, outcome(id, row));
                      return id;
                    })
                .list());
    return outcomes;
  }

  /** See {@link #APPLY_AT_ONCE}; in the transaction of the handle. */
  List<AppliedCallback> applyAtOnce(Handle handle, List<News> batch, @Nullable String traceparent) {
    plans.on(handle);
    return given(handle, APPLY_AT_ONCE, batch, traceparent)
        .map((row, context) -> appliedCallback(row))
        .list();
  }

  private Query given(
      Handle handle, String statement, List<News> batch, @Nullable String traceparent) {
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
      statuses[i] = item.signal().status().wireName();
      sources[i] = item.source().wireName();
      words[i] = TaskSql.word(item.word());
      klingIds[i] = TaskSql.id(item.klingTaskId());
      messages[i] = TaskSql.detail(TaskSql.message(item.signal()));
      codes[i] = item.signal() instanceof TaskSignal.Failed failed ? failed.code() : null;
      results[i] = item.signal() instanceof TaskSignal.Succeed done ? done.result() : null;
      units[i] = item.units();
      checks[i] = item.nextCheckAt() == null ? null : item.nextCheckAt().toString();
      eventIds[i] = EventId.next(now);
      traceparents[i] = traceparent;
    }
    return handle
        .createQuery(statement)
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
        .bind("resultLife", resultLife.toSeconds() + " seconds");
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
                id,
                row.getString("tenant_id"),
                row.getInt("sequence"),
                TaskStatus.of(status),
                row.getBoolean("webhook")));
  }

  private static AppliedCallback appliedCallback(ResultSet row) throws SQLException {
    return new AppliedCallback(
        new TaskChanged(
            row.getString("id"),
            row.getString("tenant_id"),
            row.getInt("sequence"),
            TaskStatus.of(row.getString("status")),
            row.getBoolean("webhook")),
        row.getString("kind"),
        row.getString("upstream_model"),
        row.getString("account"),
        row.getLong("lead_millis"));
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
                .bind("source", source.wireName())
                .bind("status", status == null ? null : TaskSql.word(status))
                .bind("reason", reason)
                .bind("detail", detail == null ? null : TaskSql.detail(detail))
                .execute());
  }

  static boolean isOtherTasksId(Throwable failure) {
    return SqlStates.of(failure).equals(SqlStates.UNIQUE_VIOLATION)
        && String.valueOf(failure.getMessage()).contains("task_kling");
  }
}
