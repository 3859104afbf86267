-- Claims tasks whose results are to be copied now: of each tenant the one that is due first, then each one's second,
-- counting what is under way for it, so that a tenant with thousands, or with slow ones, keeps nobody waiting.
-- Who waits.
with recursive tenants as (
  (select tenant_id from custody_queue order by tenant_id limit 1)
  union all
  select (select q.tenant_id from custody_queue q where q.tenant_id > t.tenant_id order by q.tenant_id limit 1)
  from tenants t where t.tenant_id is not null
),
-- Few: claims are bounded on each replica.
under_way as (
  select tenant_id, count(*) as copies from custody_queue where claimed_by is not null group by tenant_id
),
-- As many of each as there is room for.
due as (
  select d.task_id, d.due_at, coalesce(u.copies, 0) + row_number() over (partition by t.tenant_id order by d.due_at) as turn
  from tenants t left join under_way u on u.tenant_id = t.tenant_id
    cross join lateral (
      select q.task_id, q.due_at from custody_queue q
      where q.tenant_id = t.tenant_id and q.due_at <= :now and q.claimed_by is null
      order by q.due_at limit :limit) d
  where t.tenant_id is not null
),
-- Those whose turn it is.
next as (
  select task_id, due_at, turn from due where turn <= :perTenant order by turn, due_at limit :limit
),
-- Another replica that claims at the same time has what it has locked.
free as (
  select q.task_id from custody_queue q join next n on n.task_id = q.task_id
  where q.claimed_by is null order by q.task_id for update of q skip locked
)
update custody_queue q set claimed_by = :claim, claimed_until = :until, attempts = q.attempts + 1
from free f join task t on t.id = f.task_id
where q.task_id = f.task_id
returning q.task_id, q.tenant_id, q.attempts, q.claimed_by, t.result::text as result, t.result_expires_at,
  -- Those that an attempt before has copied.
  array(select c.index from custody_copy c where c.task_id = q.task_id) as kept
