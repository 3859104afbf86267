-- The order of the words is the order in which a task can move; see task_accepts.
create type task_status as enum ('queued', 'submitted', 'processing', 'expired', 'succeed', 'failed', 'canceled');

-- The lifecycle rule as SQL. Its twin is TaskStatus.accepts; a test compares the two over every pair.
create function task_accepts(current task_status, next task_status) returns boolean
  language sql immutable parallel safe
  return current < 'succeed' and current < next and (next <> 'canceled' or current = 'queued');

create table task (
  id                text collate "C" primary key check (id ~ '^task_[0-9a-z]{26}$'),
  tenant_id         text collate "C" not null references tenant,
  kind              text        not null,
  external_task_id  text,
  model             text,
  upstream_model    text,
  account           text,
  kling_task_id     text,
  callback_url      text,
  status            task_status not null,
  previous_status   task_status,
  sequence          int         not null check (sequence >= 1),
  status_message    text,
  error_code        int,
  -- True when Kling's word came after we had given the task up as expired.
  late              boolean     not null default false,
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
) with (fillfactor = 80);
-- No index names a column that changes while a task is tracked, so that those updates stay heap-only.
-- Task ids sort by time: this index is the newest-first list of a tenant and its keyset.
create index task_tenant on task (tenant_id, id);
create unique index task_kling on task (kling_task_id, account);

-- Final tasks are history: nothing may touch their status again.
create function task_refuse_change_of_final() returns trigger language plpgsql as $$
begin
  raise exception 'task % is final (%) and cannot become %', old.id, old.status, new.status
    using errcode = 'integrity_constraint_violation';
end $$;
create trigger task_final_is_final before update of status on task for each row
  when (old.status in ('succeed', 'failed', 'canceled') and old.status is distinct from new.status)
  execute function task_refuse_change_of_final();

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

-- News that changed nothing, and why: repeated, older, untrue, not understood.
create table task_news (
  id        bigint generated always as identity primary key,
  task_id   text collate "C" not null references task on delete cascade,
  at        timestamptz not null,
  source    text        not null check (source in ('submit', 'dispatch', 'callback', 'poll', 'cancel', 'deadline', 'admin')),
  status    text,
  reason    text        not null,
  detail    text
);
create index task_news_task on task_news (task_id, id);

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
