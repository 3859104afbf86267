-- How many tasks there are, by status, so that nobody has to count them. Filled from events behind the statements that write
-- tasks, which know nothing of it.

-- Tasks by the hour in which they were created and the status that they have by now, those that retention has removed by
-- the status that they ended with. The hour -infinity has those of all hours.
create table task_sum (
  tenant_id text collate "C" not null references tenant on delete cascade,
  hour      timestamptz not null,
  kind      text        not null,
  -- Empty where a task has none.
  model     text        not null,
  status    task_status not null,
  tasks     bigint      not null,
  primary key (tenant_id, hour, kind, model, status)
) with (fillfactor = 50);

-- Up to which event of its feed a tenant's tasks are counted.
create table task_sum_place (
  tenant_id text collate "C" primary key references tenant on delete cascade,
  position  bigint not null,
  id        bigint not null
) with (fillfactor = 50);

-- The events of tasks that were removed before are gone.
insert into task_sum (tenant_id, hour, kind, model, status, tasks)
select u.tenant_id, h.hour, u.kind, coalesce(u.model, ''), u.status, sum(u.tasks)
from removed_use u cross join lateral (values (u.hour), ('-infinity'::timestamptz)) as h(hour)
group by 1, 2, 3, 4, 5;
