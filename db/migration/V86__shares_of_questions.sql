-- Whose open task it is: questions to Kling are shared by tenants, so that one with thousands of silent tasks, or of made-up
-- ids that it tracks, delays nobody else's.
alter table open_task add column tenant_id text collate "C" not null default '';
update open_task o set tenant_id = t.tenant_id from task t where t.id = o.task_id;
drop index open_task_check;
create index open_task_check on open_task (tenant_id, next_check_at);
-- What a tenant tracks at once is bounded.
create index open_task_tracked on open_task (tenant_id) where tracked;
