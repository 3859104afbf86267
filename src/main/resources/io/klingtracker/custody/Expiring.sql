-- Goes through the next events of some tenants' feeds that are old enough, and tells of results that are about to be deleted
-- at Kling and of which there is no copy.
with
-- From where.
part as (
  select g.tenant_id, coalesce(p.position, 0) as position, coalesce(p.id, 0) as id
  from unnest((select cast(:tenants as text[]))) as g(tenant_id) left join expiry_place p on p.tenant_id = g.tenant_id
),
-- What comes next, whatever it is.
next as materialized (
  select p.tenant_id, e.feed_position, e.id, e.task_id, e.status, e.occurred_at > cast(:before as timestamptz) as young
  from part p cross join lateral (
    select * from task_event e
    where e.tenant_id = p.tenant_id and (e.feed_position, e.id) > (p.position, p.id) and e.feed_position < (select ${settled})
    order by e.feed_position, e.id limit :limit) e
),
-- No further than to the first that is too young.
event as materialized (
  select n.* from next n
  where not exists (
    select from next y where y.tenant_id = n.tenant_id and y.young and (y.feed_position, y.id) <= (n.feed_position, n.id))
),
-- Up to where that is.
placed as (
  insert into expiry_place (tenant_id, position, id)
  select distinct on (tenant_id) tenant_id, feed_position, id from event order by tenant_id, feed_position desc, id desc
  on conflict (tenant_id) do update set position = excluded.position, id = excluded.id
),
-- Whose results are still there, have content, and are in no copy.
ending as materialized (
  select t.id from task t join event e on e.task_id = t.id
  where e.status = 'succeed' and t.result_expires_at > cast(:now as timestamptz)
    and t.result::text ~ '"(url|url_wav|wav_url|url_mp3|mp3_url)"'
    and (exists (select from custody_queue q where q.task_id = t.id)
      or not exists (select from custody_copy c where c.task_id = t.id))
  order by t.id for no key update of t
),
-- One more event; the status stays.
moved as (
  update task t set sequence = t.sequence + 1, feed_position = greatest(t.feed_position, ${position})
  from ending e where t.id = e.id
  returning t.*
),
-- Each has an id of its own, by time.
named as (
  select m.*, i.event_id
  from (select m.*, row_number() over (order by m.id) as n from moved m) m
    join unnest((select cast(:eventIds as uuid[]))) with ordinality as i(event_id, n) on i.n = m.n
),
-- As a status change has it, and what it is about.
told as (
  insert into task_event (task_id, sequence, event_id, tenant_id, type, previous_status, source, occurred_at,
    feed_position, payload)
  select m.id, m.sequence, m.event_id, m.tenant_id, 'result-expiring', m.previous_status, 'custody',
    cast(:now as timestamptz), m.feed_position,
    json_build_object(
      'type', 'kling.task.result-expiring.v1', 'event_id', m.event_id, 'sequence', m.sequence, 'task_id', m.id,
      'external_task_id', m.external_task_id, 'kling_task_id', m.kling_task_id, 'tenant', m.tenant_id,
      'account', m.account, 'kind', m.kind, 'model', m.model, 'status', m.status,
      'previous_status', m.previous_status, 'status_message', m.status_message, 'error_code', m.error_code,
      'late', m.previous_status is not distinct from 'expired', 'source', 'custody',
      'occurred_at', to_char(cast(:now as timestamptz) at time zone 'UTC', ${time}), 'result', m.result,
      'units', m.units, 'metadata', m.metadata, 'custody_url', m.custody_url,
      'result_expires_at', to_char(m.result_expires_at at time zone 'UTC', ${time}))
  from named m
  returning id, task_id, sequence, tenant_id
),
-- It goes to Kafka.
relayed as (insert into outbox (lane, id, task_id, sequence) select outbox_lane(task_id), id, task_id, sequence from told)
select t.task_id, t.tenant_id, t.sequence, false as more from told t
union all
-- Those of whom there may be more.
select '', e.tenant_id, 0, true from event e group by e.tenant_id having count(*) = :limit
