package io.klingtracker.task;

import io.klingtracker.text.ForeignText;
import io.klingtracker.time.Rfc3339;
import org.jspecify.annotations.Nullable;

/** What the statements that write a task share. */
public final class TaskSql {

  /** Bytes of a status message and of a line's detail in the timeline. */
  static final int MAX_DETAIL = 2000;

  private static final int MAX_WORD = 64;

  private static final int MAX_ID = 512;

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
        'status_message', m.status_message, 'error_code', m.error_code,
        'late', m.previous_status is not distinct from 'expired', 'source', m.source,
        'occurred_at', to_char(m.updated_at at time zone 'UTC', %s),
        'result', m.result, 'units', m.units, 'error_class', m.error_class, 'retryable', m.retryable,
        -- As Cost.of has it.
        'cost', case
          when num_nonnulls(m.units, m.amount) > 0 then json_build_object('units', m.units, 'amount', m.amount,
            'currency', case when m.amount is not null then m.currency end, 'state', 'charged')
          when m.status = 'canceled' or m.status = 'failed' and m.dispatched_at is null then
            json_build_object('units', 0, 'amount', 0, 'currency', m.currency, 'state', 'charged')
          when m.units_expected is not null then json_build_object('units', m.units_expected,
            'amount', m.amount_expected, 'currency', m.currency, 'state', 'expected') end,
        'metadata', m.metadata, 'custody_url', m.custody_url)
      """
          .formatted(Rfc3339.SQL_PATTERN);

  /** The position in the feed of what this transaction writes; see {@code feed_epoch}. */
  public static final String POSITION =
      "pg_current_xact_id()::text::bigint + (select shift from feed_epoch)";

  /** The position in a feed below which nothing is still to come (ADR 14). */
  public static final String SETTLED =
      "pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (select shift from feed_epoch)";

  /** The advisory lock under which tasks are counted, so that nothing counts twice. */
  public static final String COUNTING = "hashtext('kling-task-tracker/counts')";

  /** From the rows in {@code moved}: the event, its place in the outbox. */
  static final String RECORD_EVENT =
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
   * From the rows in {@code moved}: the webhook deliveries that their tasks asked for, and whose
   * receivers want.
   */
  static final String PLAN_DELIVERIES =
      """
      planned as (
        insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
        select m.id, m.sequence, m.event_id, m.tenant_id, webhook_host(m.callback_url), m.status, m.updated_at, m.updated_at
        from moved m where m.callback_url is not null
          and not exists (select from webhook_gone g where g.task_id = m.id)
      )\
      """;

  /** Bytes of what can be large in a task, of columns as {@link Task#COLUMNS} names them. */
  static final String WEIGHT =
      "octet_length(coalesce(result, '')) + octet_length(coalesce(status_message, '')) + octet_length(coalesce(metadata, ''))";

  private TaskSql() {}

  /** A text for people as it is stored: whoever wrote it, it can be stored, and is short. */
  static String detail(String text) {
    return ForeignText.clean(text, MAX_DETAIL);
  }

  /** The word of a status as it was written; it is in an index. */
  static String word(String text) {
    return ForeignText.clean(text, MAX_WORD);
  }

  /** Kling's id of a task; one that cannot be stored as it is, or not in an index, is none. */
  static @Nullable String id(@Nullable String text) {
    return text == null || ForeignText.clean(text, MAX_ID).equals(text) ? text : null;
  }
}
