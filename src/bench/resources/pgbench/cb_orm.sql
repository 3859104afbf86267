-- A callback as an object mapper writes it: six round trips.
\set n random(1, :tasks)
begin;
select * from task where id = 'task_01m8000000' || lpad(:n::text, 16, '0') for no key update;
update task set status = 'processing', previous_status = 'submitted', sequence = sequence + 1, updated_at = now(),
  feed_position = greatest(feed_position, pg_current_xact_id()::text::bigint)
where id = 'task_01m8000000' || lpad(:n::text, 16, '0');
insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source, occurred_at,
    feed_position, payload)
select m.id, m.sequence, m.event_id, m.tenant_id, m.status, m.previous_status, 'callback', m.updated_at, m.feed_position,
    json_build_object('event_id', m.event_id, 'sequence', m.sequence, 'task_id', m.id, 'external_task_id', m.external_task_id,
      'kling_task_id', m.kling_task_id, 'tenant', m.tenant_id, 'account', m.account, 'kind', m.kind, 'model', m.model,
      'status', m.status, 'previous_status', m.previous_status, 'status_message', m.status_message,
      'error_code', m.error_code, 'late', m.previous_status is not distinct from 'expired', 'source', 'callback', 'occurred_at', m.updated_at,
      'result', m.result, 'units', m.units)
from (select *, uuidv7() as event_id from task where id = 'task_01m8000000' || lpad(:n::text, 16, '0')) m;
insert into outbox (lane, id, task_id, sequence)
select outbox_lane(task_id), id, task_id, sequence from task_event
where task_id = 'task_01m8000000' || lpad(:n::text, 16, '0') order by sequence desc limit 1;
commit;
