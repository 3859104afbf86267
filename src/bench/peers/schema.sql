-- What every peer needs: tasks, their events, and an outbox for those that have no registry of their own.
create table task (
  id         text collate "C" primary key,
  status     text        not null,
  rank       int         not null,
  sequence   int         not null,
  result     json,
  updated_at timestamptz not null
) with (fillfactor = 80);
create table task_event (
  task_id  text collate "C" not null,
  sequence int  not null,
  event_id uuid not null unique,
  payload  json not null,
  primary key (task_id, sequence)
);
create table outbox (
  id       bigint generated always as identity primary key,
  task_id  text not null,
  event_id uuid not null,
  payload  json not null
);
