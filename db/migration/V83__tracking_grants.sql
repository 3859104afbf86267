-- Which Kling accounts a tenant may have tasks of other programs watched on: whoever may, reads what those programs make
-- there. Null: not decided yet, which means all configured accounts while the tenant is the only one, and none otherwise.
alter table tenant
  add column track_accounts text[]
    check (array_position(track_accounts, null) is null);

-- Those that have tracked before keep what they had. The configuration is not known here: the next start writes the names
-- of the configured accounts in place of the star. Tracked tasks have no request, and none of what a submission has.
update tenant set track_accounts = '{*}'
where (select count(*) from tenant) > 1
  and id in (
    select t.tenant_id from task t
    where t.account is not null and t.api_key_id is null and t.callback_url is null and t.units_expected is null
      and not exists (select from task_request r where r.task_id = t.id));

-- Two tenants may name the same task of Kling's without an answer that tells them so: only one of them ever hears of it.
drop index task_kling;
create unique index task_kling on task (kling_task_id, account, tenant_id);

-- Who named an id at Kling first, Kling's own or a program's, when it had a task watched. Ids that are learnt later are
-- found at the task.
create table tracked_id (
  account   text collate "C" not null,
  id        text collate "C" not null,
  tenant_id text collate "C" not null references tenant,
  task_id   text collate "C" not null references task on delete cascade,
  primary key (account, id)
);
create index tracked_id_task on tracked_id (task_id);
insert into tracked_id (account, id, tenant_id, task_id)
select distinct on (o.account, n.id) o.account, n.id, t.tenant_id, t.id
from open_task o join task t on t.id = o.task_id
  cross join lateral (values (t.kling_task_id), (t.external_task_id)) as n(id)
where o.tracked and n.id is not null
order by o.account, n.id, t.id;
