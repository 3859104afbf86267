-- Stores several submissions. Those that repeat an Idempotency-Key or an external id of before are left out, and
-- distinguished in the answer; of those that repeat each other's, the first is stored, and the others find it there when
-- they are given again. Rows are written in one order, so that two groups cannot deadlock.

-- By way of subqueries, so that the planner keeps one plan; see FreshPlans.
with given as (
  select * from unnest(
    (select cast(:ids as text[])), (select cast(:tenants as text[])), (select cast(:keys as text[])),
    (select cast(:hashes as text[])), (select cast(:requestIds as uuid[])), (select cast(:kinds as text[])),
    (select cast(:externalTaskIds as text[])), (select cast(:models as text[])),
    (select cast(:upstreamModels as text[])), (select cast(:callbackUrls as text[])),
    (select cast(:units as numeric[])), (select cast(:apiKeys as uuid[])), (select cast(:eventIds as uuid[])),
    (select cast(:traceparents as text[])), (select cast(:bodies as text[])),
    (select cast(:families as text[])), (select cast(:slots as int[])), (select cast(:priorities as int[])),
    (select cast(:deadlines as timestamptz[])), (select cast(:slotModels as text[])),
    (select cast(:accounts as text[])), (select cast(:metadata as text[])),
    (select cast(:unnamed as boolean[]))) with ordinality
  as g(id, tenant_id, key, request_hash, request_id, kind, external_task_id, model, upstream_model, callback_url, units,
       api_key_id, event_id, traceparent, body, family, slots, priority, deadline_at, slot_model,
       account, metadata, unnamed, place)
),
-- What each repeats: a task of before, or another of this group.
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
-- Whoever stores the key stores the task; a transaction at the same time waits here for the other's.
key as (
  insert into idempotency_key (tenant_id, key, request_hash, request_id, task_id, created_at)
  select a.tenant_id, a.key, decode(a.request_hash, 'hex'), a.request_id, a.id, cast(:now as timestamptz)
  from asked a where a.key is not null and a.first_id is null and not a.taken
    and not a.later_with_key and not a.later
  order by a.tenant_id, a.key
  on conflict do nothing
  returning task_id
),
-- Reading key first makes a repeated key fail before a repeated external id does.
stored as (
  insert into task (id, tenant_id, kind, external_task_id, model, upstream_model, callback_url, status, sequence,
      units_expected, amount_expected, currency, feed_position, created_at, updated_at, api_key_id, metadata,
      unnamed)
  select a.id, a.tenant_id, a.kind, a.external_task_id, a.model, a.upstream_model, a.callback_url, 'queued', 1,
      a.units, trim_scale(a.units * cast(:unitPrice as numeric)), :currency, ${position}, cast(:now as timestamptz), cast(:now as timestamptz), a.api_key_id,
      cast(a.metadata as jsonb), a.unnamed
  from (select array_agg(task_id) as ids from key) as first, asked a
  where a.first_id is null and not a.taken and not a.later and (a.key is null or a.id = any(first.ids))
  order by a.tenant_id, a.external_task_id, a.id
  returning *
),
-- The name by which the part for events knows it.
moved as (
  select s.*, a.event_id, 'submit' as source, a.traceparent from stored s join asked a on a.id = s.id
),
-- What is sent to Kling.
request as (insert into task_request (task_id, body) select a.id, a.body from stored s join asked a on a.id = s.id),
-- Its place in the queue.
queued as (
  insert into dispatch_queue (task_id, tenant_id, model, family, slots, priority, due_at, deadline_at,
    pinned_to)
  select s.id, s.tenant_id, coalesce(a.slot_model, s.upstream_model, ''), a.family, a.slots, a.priority,
    s.created_at, a.deadline_at, a.account
  from stored s join asked a on a.id = s.id
),
${event}
-- An answer for each: stored, or what it repeats.
select a.id, s.id is not null as stored, a.taken and not a.later_with_key as taken, a.same_request,
  a.first_request_id, t.id as first_id, t.external_task_id as first_external_id, t.created_at as first_created_at
from asked a left join stored s on s.id = a.id
  left join lateral (select * from task where id = a.first_id limit 1) t on true
