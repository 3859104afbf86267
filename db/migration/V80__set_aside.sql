-- What a loop could not process, whatever it is: out of its queue until an administrator has it tried again. One item's
-- failure is that item's alone; here it is counted, listed and kept over restarts.
create table set_aside (
  -- callback, event, check, dispatch, delivery, host-event: the queue that it belongs to.
  kind     text collate "C" not null check (kind ~ '^[a-z][a-z-]{0,30}$'),
  key      text collate "C" not null check (length(key) between 1 and 200),
  task_id  text collate "C",
  reason   text        not null check (length(reason) <= 500),
  attempts int         not null check (attempts >= 1),
  at       timestamptz not null,
  primary key (kind, key)
);
create index set_aside_at on set_aside (at, kind, key);
create index set_aside_task on set_aside (task_id);

-- Events that Kafka will never take had a table of their own. The first of a task stands here for all that follow it.
insert into set_aside (kind, key, task_id, reason, attempts, at)
select 'event', task_id, task_id, left(reason, 500), 1, parked_at from outbox_parked;
drop table outbox_parked;

create or replace function task_leave_tombstone() returns trigger language plpgsql as $$
begin
  insert into state_tombstone select id from gone on conflict do nothing;
  delete from set_aside s using gone g where s.task_id = g.id;
  return null;
end $$;

-- One callback that could not be processed counted an attempt for all that were claimed with it. They begin anew.
update callback_pending set attempts = 0, due_at = now(), claimed_until = null, claimed_by = null where attempts > 0;
