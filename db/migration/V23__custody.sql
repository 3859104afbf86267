-- Copies of results, since Kling deletes its own after 30 days.

-- Where callers get the task's content, from its success on; null where results were not copied then.
alter table task add column custody_url text;
-- The copies as callers see them: index, type, bytes, sha256, kept_at. Neither is in an index.
alter table task add column results json;

-- Tasks of whose results there may be copies to make. A row goes when all are there, or when Kling's link is dead.
create table custody_queue (
  task_id       text collate "C" primary key references task on delete cascade,
  tenant_id     text collate "C" not null,
  due_at        timestamptz not null,
  attempts      int         not null default 0,
  claimed_until timestamptz,
  claimed_by    text,
  -- Why the last attempt failed; null before one has.
  reason        text        check (length(reason) <= 500)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Hopping over it finds every tenant with something to copy.
create index custody_queue_due on custody_queue (tenant_id, due_at);
create index custody_queue_claimed on custody_queue (claimed_by) where claimed_by is not null;

-- What was copied. Nothing refers to task: a copy outlives a task that retention removes.
create table custody_copy (
  tenant_id text collate "C" not null,
  task_id   text collate "C" not null,
  -- Which of the task's results, from 0.
  index     smallint    not null check (index >= 0),
  -- A media type, by the first bytes.
  type      text        not null,
  bytes     bigint      not null check (bytes >= 0),
  sha256    bytea       not null check (length(sha256) = 32),
  kept_at   timestamptz not null,
  -- Its name in the folder or bucket; no two copies ever have the same.
  object    text        not null check (length(object) <= 200),
  -- Whoever erases the task sets it: the copy is shown no more, and deleted at once.
  erased_at timestamptz,
  primary key (task_id, index)
);
-- For the erasure of a whole tenant.
create index custody_copy_tenant on custody_copy (tenant_id);
create index custody_copy_age on custody_copy (kept_at);
create index custody_copy_erased on custody_copy (erased_at) where erased_at is not null;
