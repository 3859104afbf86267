-- What a caller keeps with a task, and the way to find the task by it.

-- An object of texts. It never changes, so that no update of a task writes an index for it.
alter table task add column metadata jsonb;

-- A pair in 16 bytes, whatever its length; no key has "=" in it.
create function task_label_term(key text, value text) returns bytea
  language sql immutable strict parallel safe
  return substring(sha256(convert_to(key || '=' || value, 'UTF8')) for 16);

-- One row for each pair. The key is the newest-first list of a tenant's tasks with that pair and its keyset, which an
-- inverted index is not: it would read and sort all tasks with a common pair for each page. Nothing refers to task, since
-- that would need a second index; the triggers below keep both together, and only for tasks with metadata.
create table task_label (
  tenant_id text collate "C" not null,
  term      bytea            not null,
  task_id   text collate "C" not null,
  primary key (tenant_id, term, task_id)
);

create function task_keep_labels() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into task_label (tenant_id, term, task_id)
    select new.tenant_id, task_label_term(p.key, p.value), new.id from jsonb_each_text(new.metadata) p;
  else
    delete from task_label l using jsonb_each_text(old.metadata) p
    where l.tenant_id = old.tenant_id and l.term = task_label_term(p.key, p.value) and l.task_id = old.id;
  end if;
  return null;
end $$;
create trigger task_labels_come after insert on task for each row
  when (new.metadata is not null) execute function task_keep_labels();
create trigger task_labels_go after delete on task for each row
  when (old.metadata is not null) execute function task_keep_labels();
