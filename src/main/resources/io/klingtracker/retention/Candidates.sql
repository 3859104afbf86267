-- The oldest tasks that are old enough, whoever's, in the order of their ids, which is that of their creation. Whether they
-- may go is asked afterwards: what may not costs the next look nothing.
with
-- What is kept for how long: a row for each tenant and status with an age. Nothing from "bound" on can be old enough.
aged as (
  select * from unnest(
    (select cast(:tenants as text[])), (select cast(:statuses as task_status[])), (select cast(:befores as timestamptz[])),
    (select cast(:bounds as text[])))
  as a(tenant_id, status, before, bound)
),
-- The oldest of each: one look into task_event_end.
head as materialized (
  select a.*, h.task_id
  from aged a cross join lateral (
    select e.task_id from task_event e
    where e.tenant_id = a.tenant_id and e.status = a.status and e.status in ('expired', 'succeed', 'failed', 'canceled')
      and e.task_id > :after and e.task_id < a.bound and e.occurred_at < a.before
    order by e.task_id limit 1) h
  order by h.task_id limit :limit
)
-- Those behind them, but no further than where a head that was left out may be.
select e.task_id, e.status, e.before, e.occurred_at
from head h cross join lateral (
  select e.task_id, h.status::text as status, h.before, e.occurred_at from task_event e
  where e.tenant_id = h.tenant_id and e.status = h.status and e.status in ('expired', 'succeed', 'failed', 'canceled')
    and e.task_id >= h.task_id and e.task_id < h.bound and e.occurred_at < h.before
  order by e.task_id limit :limit) e
where e.task_id <= (select case when count(*) = :limit then max(task_id) else 'task~' end from head)
order by e.task_id limit :limit
