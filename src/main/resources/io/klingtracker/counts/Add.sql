-- Counts the events of some tenants from where their counting is, whoever has brought it there, up to given places.
with
-- From where, up to where. A part that somebody else has counted meanwhile is empty.
part as (
  select g.tenant_id, coalesce(p.position, 0) as position, coalesce(p.id, 0) as id, g.to_position, g.to_id
  from unnest((select cast(:tenants as text[])), (select cast(:positions as bigint[])), (select cast(:ids as bigint[])))
      as g(tenant_id, to_position, to_id)
    left join task_sum_place p on p.tenant_id = g.tenant_id
),
-- What happened. The limits keep the planner from reading a table whole. Retention leaves a task alone until it is counted.
event as materialized (
  select p.tenant_id, e.feed_position, e.id, e.status, e.previous_status, t.kind, coalesce(t.model, '') as model,
    date_trunc('hour', t.created_at, 'UTC') as hour
  from part p
    cross join lateral (
      select * from task_event e
      where e.tenant_id = p.tenant_id and (e.feed_position, e.id) > (p.position, p.id)
        and (e.feed_position, e.id) <= (p.to_position, p.to_id)
      order by e.feed_position, e.id limit ${events}) e
    left join lateral (select * from task x where x.id = e.task_id limit 1) t on true
),
-- A task leaves one status for another, in its hour and among all. What it only passed through is no change.
change as (
  select e.tenant_id, h.hour, e.kind, e.model, s.status, sum(s.tasks) as tasks
  from event e
    cross join lateral (values (e.status, 1), (e.previous_status, -1)) as s(status, tasks)
    cross join lateral (values (e.hour), ('-infinity'::timestamptz)) as h(hour)
  -- What has no status is no change of one, and a task that was erased meanwhile has been counted then.
  where e.status is not null and s.status is not null and e.kind is not null
  group by 1, 2, 3, 4, 5
  having sum(s.tasks) <> 0
),
-- Up to where that was.
placed as (
  insert into task_sum_place (tenant_id, position, id)
  select distinct on (tenant_id) tenant_id, feed_position, id from event order by tenant_id, feed_position desc, id desc
  on conflict (tenant_id) do update set position = excluded.position, id = excluded.id
)
insert into task_sum as s (tenant_id, hour, kind, model, status, tasks)
select tenant_id, hour, kind, model, status, tasks from change
on conflict (tenant_id, hour, kind, model, status) do update set tasks = s.tasks + excluded.tasks
returning cast(s.ctid as text) as place, s.tasks
