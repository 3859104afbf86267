-- What Kling tells us, and how well its callbacks come.

-- Every authentic callback and every unreadable body at a valid URL, as it came. A repeat is counted, not stored again.
create table callback_receipt (
  id          bigint generated always as identity primary key,
  task_id     text collate "C" not null,
  body_hash   bytea       not null check (length(body_hash) = 32),
  body        bytea       not null,
  headers     json        not null,
  signed      boolean     not null,
  -- Written once more when its news has been processed, hence the room.
  verdict     text        not null,
  received_at timestamptz not null,
  repeated    int         not null default 0,
  repeated_at timestamptz,
  constraint callback_receipt_once unique (task_id, body_hash)
) with (fillfactor = 85);
create index callback_receipt_age on callback_receipt using brin (received_at);

-- Receipts whose news has not been processed: written with the receipt and before the sender's answer, deleted when the
-- news is applied or noted. What a crash leaves here is processed after it.
create table callback_pending (
  receipt_id    bigint primary key,
  due_at        timestamptz not null,
  attempts      int         not null default 0,
  claimed_until timestamptz,
  claimed_by    text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index callback_pending_due on callback_pending (due_at, receipt_id);

-- How well each account's callbacks come. Totals, since the beginning.
create table callback_ledger (
  account  text collate "C" primary key,
  expected bigint not null default 0,
  arrived  bigint not null default 0,
  wrong    bigint not null default 0,
  lost     bigint not null default 0
) with (fillfactor = 50);

-- Ends found by asking whose callback may still come.
create table callback_missing (
  task_id text collate "C" primary key,
  account text        not null,
  at      timestamptz not null
);
create index callback_missing_age on callback_missing (at);

-- The latest of what is measured, for medians and for the pace of questions: rings, of which a new sample takes a random slot.
create table sample (
  -- callback: how much sooner the callback of an end came than the next check; null: the end was found by asking.
  -- render: how long a render took by Kling's own clock.
  series text collate "C" not null check (series in ('callback', 'render')),
  -- The account; of renders the kind.
  name   text collate "C" not null,
  -- Of renders alone.
  model  text collate "C" not null default '',
  slot   smallint    not null,
  millis bigint,
  at     timestamptz not null,
  primary key (series, name, model, slot),
  check (series = 'callback' or millis is not null and millis >= 0)
) with (fillfactor = 50);
