-- What Kling says of its accounts' packs and of what it took, beside what we think.

create table account_pack (
  account      text collate "C" not null,
  id           text collate "C" not null,
  name         text        not null,
  status       text        not null,
  total        numeric,
  remaining    numeric,
  effective_at timestamptz,
  ends_at      timestamptz,
  seen_at      timestamptz not null,
  primary key (account, id)
);

-- Kling's own lists of deductions, of the time that was read.
create table kling_deduction (
  account       text collate "C" not null,
  kling_task_id text collate "C" not null,
  ledger        text        not null check (ledger in ('units', 'money')),
  at            timestamptz not null,
  amount        numeric     not null,
  currency      text,
  primary key (account, kling_task_id, ledger, at)
);
create index kling_deduction_at on kling_deduction (account, at);

-- When each account is read next, and what was read last. Who finds it due puts it off and reads it.
create table billing_round (
  account    text collate "C" primary key,
  due_at     timestamptz not null,
  -- The time of which everything was read.
  read_from  timestamptz,
  read_until timestamptz,
  -- Why the last round did not read everything; null when it did.
  failure    text constraint billing_round_failure_is_short check (octet_length(failure) <= 500)
);
