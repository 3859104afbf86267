-- Tasks whose next event Kafka will never take, for example because it is too large. The event and those after it stay
-- in the outbox, unread, until somebody has removed the reason and deletes the mark.
create table outbox_parked (
  task_id   text collate "C" primary key,
  sequence  int         not null,
  event_id  uuid        not null,
  reason    text        not null,
  parked_at timestamptz not null
);

-- Tasks that retention has removed and whose latest state Kafka is still to forget.
create table state_tombstone (
  task_id text collate "C" primary key
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create function task_leave_tombstone() returns trigger language plpgsql as $$
begin
  insert into state_tombstone select id from gone on conflict do nothing;
  delete from outbox_parked p using gone g where p.task_id = g.id;
  return null;
end $$;
create trigger task_leaves_tombstone after delete on task referencing old table as gone
  for each statement execute function task_leave_tombstone();
