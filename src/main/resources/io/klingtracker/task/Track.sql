-- Stores a task that another program submits: nothing is dispatched, and it holds no slot of ours.

-- One more than a tenant may have watched is not stored.
with stored as (
  insert into task (id, tenant_id, kind, tracked, external_task_id, model, upstream_model, account, kling_task_id,
      status, sequence, feed_position, created_at, updated_at, api_key_id, metadata)
  select :id, :tenant, :kind, true, :externalTaskId, :model, :model, :account, :klingTaskId, 'queued', 1,
    ${position}, cast(:now as timestamptz), cast(:now as timestamptz), cast(:apiKey as uuid),
    cast(:metadata as jsonb)
  where (select count(*) from open_task where tenant_id = :tenant and tracked) < :most
  returning *
),
-- The name by which the part for events knows it.
moved as (
  select s.*, cast(:eventId as uuid) as event_id, 'submit' as source, cast(:traceparent as text) as traceparent
  from stored s
),
-- Kling is asked about it at once.
watched as (
  insert into open_task (task_id, tenant_id, account, family, slots, next_check_at, tracked, ask_id)
  select id, tenant_id, account, :family, 0, created_at, true, external_task_id from stored
),
-- Whoever names an id first has it; the others see nothing of it. See ReconcileStore.
named as (
  insert into tracked_id (account, id, tenant_id, task_id)
  select s.account, n.id, s.tenant_id, s.id
  from stored s cross join lateral (
    select distinct v.id from (values (s.kling_task_id), (s.external_task_id)) as v(id)) n
  where n.id is not null
  order by n.id
  on conflict do nothing
),
${event}
select id from stored
