-- Of what a task makes alone: an element's result may name the voice that it was given, which stays whose it is.
create or replace function task_remember_made() returns trigger language plpgsql as $$
begin
  insert into made_at_kling (kind, id, account, tenant_id, made_at)
  select made.kind, made.id #>> '{}', new.account, new.tenant_id, new.updated_at
  from (
    select case new.kind when 'custom-voices' then 'voice' else 'element' end as kind, jsonb_path_query(new.result::jsonb,
      case new.kind when 'custom-voices' then '$.**.voice_id' else '$.**.element_id' end::jsonpath) as id
  ) made
  where jsonb_typeof(made.id) in ('string', 'number') and length(made.id #>> '{}') between 1 and 128
  on conflict do nothing;
  return null;
exception when data_exception then
  -- The result is Kling's text, which may hold what jsonb cannot. The task's end counts all the same.
  return null;
end $$;
