-- What exists in the Kling account that made it and in no other: sessions, voices and elements. A task or call that names
-- one goes to its account, and only its owner's may.
create table made_at_kling (
  kind      text collate "C" not null check (kind in ('session', 'voice', 'element')),
  id        text collate "C" not null check (length(id) between 1 and 128),
  account   text collate "C" not null,
  -- Null for one of Kling's own, which every account has.
  tenant_id text collate "C" references tenant on delete cascade,
  made_at   timestamptz not null,
  primary key (kind, id)
);
-- Sessions live for a day; see the sweep.
create index made_at_kling_session on made_at_kling (made_at) where kind = 'session';

-- What a task made is remembered in the statement that writes its end, whoever writes it.
create function task_remember_made() returns trigger language plpgsql as $$
begin
  insert into made_at_kling (kind, id, account, tenant_id, made_at)
  select made.kind, made.id #>> '{}', new.account, new.tenant_id, new.updated_at
  from (
    select 'voice' as kind, jsonb_path_query(new.result::jsonb, '$.**.voice_id') as id
    union
    select 'element', jsonb_path_query(new.result::jsonb, '$.**.element_id')
  ) made
  where jsonb_typeof(made.id) in ('string', 'number') and length(made.id #>> '{}') between 1 and 128
  on conflict do nothing;
  return null;
exception when data_exception then
  -- The result is Kling's text, which may hold what jsonb cannot. The task's end counts all the same.
  return null;
end $$;
create trigger task_remembers_made after update of status on task for each row
  when (new.status = 'succeed' and old.status <> 'succeed' and new.kind in ('custom-voices', 'advanced-custom-elements')
    and not new.tracked and new.account is not null and new.result is not null)
  execute function task_remember_made();

-- The account that a waiting task has to go to; null for any. The version before does not see it and sends it to any.
alter table dispatch_queue add column pinned_to text collate "C";
-- What waits for one account, in the order in which it is processed; no other row is in it.
create index dispatch_queue_pinned on dispatch_queue (tenant_id, family, model, pinned_to, priority desc, task_id)
  where sent_at is null and pinned_to is not null;
