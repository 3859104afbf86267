-- What is heard of a task without changing it is bounded: the very same news again is counted on its first row.
alter table task_news
  add column repeats     int not null default 0,
  add column repeated_at timestamptz;
create unique index task_news_once on task_news
  (task_id, source, reason, coalesce(status, ''), hashtextextended(coalesce(detail, ''), 0));

-- A receipt's verdict is written once more when its news has been worked off.
alter table callback_receipt set (fillfactor = 85);

-- Receipts whose news has not been worked off: written with the receipt and before the sender's answer, deleted when the
-- news is applied or noted. What a crash leaves here is worked off after it.
create table callback_pending (
  receipt_id    bigint primary key,
  due_at        timestamptz not null,
  attempts      int         not null default 0,
  claimed_until timestamptz,
  claimed_by    text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index callback_pending_due on callback_pending (due_at, receipt_id);

alter table open_task
  -- Submitted to Kling by another program; we only watch it.
  add column tracked     boolean  not null default false,
  -- The id that Kling is asked for as long as its own is not known; null: our task_id, or, when tracked, none yet.
  add column ask_id      text,
  -- An unproved callback says that the task ended so; Kling is asked about it at once, and soon again.
  add column proving     task_status,
  add column proofs      int      not null default 0,
  -- How much sooner the callback of the end came than the next check; null: none came.
  add column lead_millis bigint;

-- How well each account's callbacks come. Totals, since the beginning.
create table callback_ledger (
  account  text collate "C" primary key,
  expected bigint not null default 0,
  arrived  bigint not null default 0,
  wrong    bigint not null default 0,
  lost     bigint not null default 0
) with (fillfactor = 50);

-- The same for the latest ends: a ring per account, for medians and for the pace of polling.
create table callback_end (
  account     text collate "C" not null,
  slot        smallint    not null,
  -- Null: the end was found by asking.
  lead_millis bigint,
  at          timestamptz not null,
  primary key (account, slot)
) with (fillfactor = 50);

-- Ends found by asking whose callback may still come.
create table callback_missing (
  task_id text collate "C" primary key,
  account text        not null,
  at      timestamptz not null
);
create index callback_missing_age on callback_missing (at);

-- How long renders took lately by Kling's own clock: a ring per kind and model.
create table render_time (
  kind           text collate "C" not null,
  upstream_model text collate "C" not null,
  slot           smallint    not null,
  millis         bigint      not null check (millis >= 0),
  at             timestamptz not null,
  primary key (kind, upstream_model, slot)
) with (fillfactor = 50);
