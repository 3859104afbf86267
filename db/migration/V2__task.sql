-- A task, what was asked for, and what happened to it.

-- The order of the words is the order in which a task can move; see task_accepts.
create type task_status as enum ('queued', 'submitted', 'processing', 'expired', 'succeed', 'failed', 'canceled');

-- The lifecycle rule as SQL. Its twin is TaskStatus.accepts; a test compares the two over every pair.
create function task_accepts(current task_status, next task_status) returns boolean
  language sql immutable parallel safe
  return current < 'succeed' and current < next and (next <> 'canceled' or current = 'queued');

create table task (
  id                text collate "C" primary key check (id ~ '^task_[0-9a-z]{26}$'),
  tenant_id         text collate "C" not null references tenant,
  -- Which key submitted it. Keys are revoked, never deleted; an administrator's or a tracked task may have none.
  api_key_id        uuid,
  kind              text        not null,
  -- Submitted to Kling by another program; we only watch it.
  tracked           boolean     not null default false,
  external_task_id  text,
  model             text,
  upstream_model    text,
  account           text,
  kling_task_id     text,
  callback_url      text,
  status            task_status not null,
  -- Expired where Kling's word came after we had given the task up: then the task is called late.
  previous_status   task_status,
  sequence          int         not null check (sequence >= 1),
  status_message    text,
  error_code        int,
  result            json,
  units_expected    numeric,
  units             numeric,
  -- Where the newest event of this task stands in the tenant's feed: never below an older event's, so that the feed keeps
  -- a task's events in order even if a transaction with a lower number commits later.
  feed_position     bigint      not null,
  created_at        timestamptz not null,
  dispatched_at     timestamptz,
  updated_at        timestamptz not null,
  finished_at       timestamptz,
  result_expires_at timestamptz,
  constraint task_external_id unique (tenant_id, external_task_id),
  constraint task_finished check ((status in ('succeed', 'failed', 'canceled')) = (finished_at is not null)),
  constraint task_final_has_no_next check (previous_status is null or task_accepts(previous_status, status)),
  constraint task_sequence_starts_queued check ((sequence = 1) = (status = 'queued'))
  -- Tasks that were submitted together change together, many of a page in one statement: half a page holds a new version of
  -- each row. With a fifth of it free, one update in ten found no room beside the old row and wrote every index.
) with (fillfactor = 50);
-- No index names a column that changes while a task is tracked, so that those updates stay heap-only.
-- Task ids sort by time: this index is the newest-first list of a tenant and its keyset, and so is one for each filter.
create index task_tenant on task (tenant_id, id);
create index task_kind on task (tenant_id, kind, id);
create index task_model on task (tenant_id, model, id);
-- With the tenant: two may name the same task of Kling's without an answer that tells them so. Only one of them ever hears of it.
create unique index task_kling on task (kling_task_id, account, tenant_id);

-- Final tasks are history: nothing may touch their status again.
create function task_refuse_change_of_final() returns trigger language plpgsql as $$
begin
  raise exception 'task % is final (%) and cannot become %', old.id, old.status, new.status
    using errcode = 'integrity_constraint_violation';
end $$;
create trigger task_final_is_final before update of status on task for each row
  when (old.status in ('succeed', 'failed', 'canceled') and old.status is distinct from new.status)
  execute function task_refuse_change_of_final();

-- A task's changes are numbered 1, 2, 3 … : an event takes its number from the task's row in the same statement, the
-- primary key of task_event refuses repeats, and this refuses gaps and steps back.
create function task_refuse_gap() returns trigger language plpgsql as $$
begin
  raise exception 'task % cannot go from sequence % to %', old.id, old.sequence, new.sequence
    using errcode = 'integrity_constraint_violation';
end $$;
create trigger task_sequence_has_no_gap before update of sequence on task for each row
  when (new.sequence <> old.sequence and new.sequence <> old.sequence + 1)
  execute function task_refuse_gap();

-- The caller's body to the letter; apart from the task so that its updates copy no prompt.
create table task_request (
  task_id text collate "C" primary key references task on delete cascade,
  body    text not null
);

-- One row a change, never updated: timeline, feed, webhook source and what Kafka gets.
create table task_event (
  task_id         text collate "C" not null references task on delete cascade,
  sequence        int         not null check (sequence >= 1),
  id              bigint generated always as identity,
  event_id        uuid        not null unique,
  tenant_id       text collate "C" not null,
  status          task_status not null,
  previous_status task_status,
  source          text        not null check (source in ('submit', 'dispatch', 'callback', 'poll', 'cancel', 'deadline', 'admin')),
  occurred_at     timestamptz not null,
  feed_position   bigint      not null,
  traceparent     text,
  payload         json        not null,
  primary key (task_id, sequence),
  check ((sequence = 1) = (status = 'queued')),
  check ((sequence = 1) = (previous_status is null))
);
create index task_event_feed on task_event (tenant_id, feed_position, id);
-- Tasks that ended, or that we gave up, by how: an event is never updated, and a final status stays. Whether an expired
-- task was revived is asked of the task. Tasks under way are found through the small queues.
create index task_event_end on task_event (tenant_id, status, task_id) where status in ('expired', 'succeed', 'failed', 'canceled');

-- News that changed nothing, and why: repeated, older, untrue, not understood. The very same news again is counted on its
-- first row, and texts are bounded: anybody could have half a megabyte of his own words kept with a task.
create table task_news (
  id          bigint generated always as identity primary key,
  task_id     text collate "C" not null references task on delete cascade,
  at          timestamptz not null,
  source      text        not null check (source in ('submit', 'dispatch', 'callback', 'poll', 'cancel', 'deadline', 'admin')),
  status      text        constraint task_news_status_is_short check (octet_length(status) <= 256),
  reason      text        not null,
  detail      text        constraint task_news_detail_is_short check (octet_length(detail) <= 2048),
  repeats     int         not null default 0,
  repeated_at timestamptz
);
create index task_news_task on task_news (task_id, id);
create unique index task_news_once on task_news
  (task_id, source, reason, coalesce(status, ''), hashtextextended(coalesce(detail, ''), 0));

-- The first answer to an Idempotency-Key, so that a retry gets the same one.
create table idempotency_key (
  tenant_id    text collate "C" not null references tenant,
  key          text        not null check (length(key) between 1 and 255),
  request_hash bytea       not null,
  request_id   uuid        not null,
  task_id      text collate "C" not null references task on delete cascade deferrable initially deferred,
  created_at   timestamptz not null,
  primary key (tenant_id, key)
);
create index idempotency_key_age on idempotency_key (created_at);
create index idempotency_key_task on idempotency_key (task_id);

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
