-- Counts tasks that are to be erased by the status that they ended with: events that are not counted yet will be no more.
with ended as (
  select t.tenant_id, date_trunc('hour', t.created_at, 'UTC') as hour, t.kind, coalesce(t.model, '') as model, t.status,
    -- As which it counts so far; null where it does not.
    c.status as counted
  from task t
    left join lateral (
      select e.status from task_sum_place p join task_event e on e.task_id = t.id
      where p.tenant_id = t.tenant_id and (e.feed_position, e.id) <= (p.position, p.id) and e.status is not null
      order by e.sequence desc limit 1) c on true
  where t.id = any(cast(:ids as text[]))
),
-- In the hour of its creation and among all.
change as (
  select e.tenant_id, h.hour, e.kind, e.model, s.status, sum(s.tasks) as tasks
  from ended e
    cross join lateral (values (e.status, 1), (e.counted, -1)) as s(status, tasks)
    cross join lateral (values (e.hour), ('-infinity'::timestamptz)) as h(hour)
  where s.status is not null
  group by 1, 2, 3, 4, 5
  having sum(s.tasks) <> 0
)
insert into task_sum as s (tenant_id, hour, kind, model, status, tasks)
select tenant_id, hour, kind, model, status, tasks from change
on conflict (tenant_id, hour, kind, model, status) do update set tasks = s.tasks + excluded.tasks
