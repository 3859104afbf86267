-- Work queues are small tables of their own: rows come and go, the big tables keep their heap-only updates.

-- Tasks that Kling has not accepted yet. claimed_until is a lease, not a state.
create table dispatch_queue (
  task_id        text collate "C" primary key references task on delete cascade,
  tenant_id      text collate "C" not null,
  upstream_model text,
  -- Kling counts slots per family (video, image) and model; an image task takes one for each picture.
  family         text        not null,
  slots          smallint    not null default 1 check (slots >= 1),
  priority       smallint    not null default 5 check (priority between 1 and 9),
  due_at         timestamptz not null,
  deadline_at    timestamptz,
  claimed_until  timestamptz,
  claimed_by     text,
  attempts       int         not null default 0,
  -- Set before a create leaves us and cleared when it is proved not to have arrived: while set, nothing may be sent.
  sent_at        timestamptz,
  -- Why the task still waits, in words for people; null while it has only been stored.
  reason         text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index dispatch_queue_due on dispatch_queue (due_at);

-- Tasks that may be running at Kling: they hold its slots and are asked about when they stay silent.
create table open_task (
  task_id        text collate "C" primary key references task on delete cascade,
  account        text        not null,
  upstream_model text,
  family         text        not null,
  -- 0 once we gave the task up (expired): Kling may still finish it, but it holds no slot of ours.
  slots          smallint    not null check (slots >= 0),
  next_check_at  timestamptz not null,
  checks         int         not null default 0,
  claimed_until  timestamptz,
  claimed_by     text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index open_task_check on open_task (next_check_at);
create index open_task_slots on open_task (account, upstream_model, family);

-- Events that Kafka has not acknowledged. Insert and delete only. A task's events share a lane and stand in commit
-- order, since the id is drawn while the task's row is locked.
create table outbox (
  lane     smallint not null check (lane between 0 and 63),
  id       bigint   not null,
  task_id  text collate "C" not null,
  sequence int      not null,
  primary key (lane, id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create function outbox_lane(task_id text) returns smallint language sql immutable parallel safe
  return (hashtext(task_id) & 63)::smallint;
