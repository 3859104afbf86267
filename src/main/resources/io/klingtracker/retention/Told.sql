-- From the rows in "removable" and "events": what is said of an erased task.
-- Its last event, without anything that was asked for or came of it.
told as (
  insert into task_event (task_id, sequence, event_id, tenant_id, type, previous_status, source, occurred_at,
    feed_position, payload)
  select r.id, r.sequence + 1, g.event_id, r.tenant_id, 'erased', r.previous_status, 'erase', cast(:now as timestamptz),
    greatest(r.feed_position, ${position}),
    json_build_object(
      'type', 'kling.task.erased.v1', 'event_id', g.event_id, 'sequence', r.sequence + 1, 'task_id', r.id,
      'external_task_id', null, 'kling_task_id', null, 'tenant', r.tenant_id, 'account', r.account, 'kind', r.kind,
      'model', r.model, 'status', r.status, 'previous_status', r.previous_status, 'status_message', null,
      'error_code', null, 'late', r.previous_status is not distinct from 'expired', 'source', 'erase',
      'occurred_at', to_char(cast(:now as timestamptz) at time zone 'UTC', ${time}), 'result', null, 'units', null)
  from removable r join unnest(cast(:ids as text[]), cast(:eventIds as uuid[])) g(id, event_id) on g.id = r.id
  returning id, task_id, sequence
),
-- It goes to Kafka.
relayed as (insert into outbox (lane, id, task_id, sequence) select outbox_lane(task_id), id, task_id, sequence from told),
-- Where the others stood.
stood as (
  insert into erased_event (event_id, tenant_id, task_id, feed_position, id, at)
  select event_id, tenant_id, task_id, feed_position, id, cast(:now as timestamptz) from events
),
-- Copies of its results.
copies as (
  update custody_copy c set erased_at = cast(:now as timestamptz) from removable r where c.task_id = r.id
),
-- Callbacks that wait to be processed.
waiting as (delete from callback_pending p using receipts c where p.receipt_id = c.id)
