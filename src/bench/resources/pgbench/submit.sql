-- A submission as one statement: the task, its request, its place in the queue, its event and that one's in the outbox.
\set n random(1, 4000000000000000)
with stored as (
  insert into task (id, tenant_id, kind, model, upstream_model, status, sequence, units_expected, feed_position,
      created_at, updated_at)
  values ('task_01m9000000' || lpad(:n::text, 16, '0'), 'bench', 'text2video', 'kling-v3', 'kling-v3', 'queued', 1, 3,
      pg_current_xact_id()::text::bigint, now(), now())
  returning *, uuidv7() as event_id
),
request as (
  insert into task_request (task_id, body)
  select id, '{"model_name":"kling-v3","prompt":"A red kite over the sea","duration":"5"}' from stored
),
queued as (
  insert into dispatch_queue (task_id, tenant_id, model, family, slots, priority, due_at)
  select id, tenant_id, upstream_model, 'video', 1, 5, created_at from stored
),
event as (
  insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source, occurred_at,
      feed_position, payload)
  select m.id, m.sequence, m.event_id, m.tenant_id, m.status, m.previous_status, 'submit', m.updated_at, m.feed_position,
    json_build_object('event_id', m.event_id, 'sequence', m.sequence, 'task_id', m.id, 'external_task_id', m.external_task_id,
      'kling_task_id', m.kling_task_id, 'tenant', m.tenant_id, 'account', m.account, 'kind', m.kind, 'model', m.model,
      'status', m.status, 'previous_status', m.previous_status, 'status_message', m.status_message,
      'error_code', m.error_code, 'late', m.previous_status is not distinct from 'expired', 'source', 'submit', 'occurred_at', m.updated_at,
      'result', m.result, 'units', m.units)
  from stored m
  returning id, task_id, sequence
)
insert into outbox (lane, id, task_id, sequence) select outbox_lane(task_id), id, task_id, sequence from event;
