-- The caller's callback_url. A change that somebody wants to hear of leaves a row in webhook_delivery, in the statement
-- of the change; the row is gone when the receiver has it or nobody will try again, and webhook_settled tells the end.

-- What a URL's deliveries share limits, breaker and pause by: the host, and its port where it is not the scheme's own.
create function webhook_host(url text) returns text language sql immutable parallel safe
  return regexp_replace(
    lower(coalesce(substring(url from '^[^:]*://(?:[^/?#@]*@)?([^/?#]*)'), '')),
    case when url ~* '^https:' then ':443$' else ':80$' end, '');

create table webhook_delivery (
  task_id       text collate "C" not null references task on delete cascade,
  sequence      int         not null,
  event_id      uuid        not null,
  tenant_id     text collate "C" not null,
  host          text collate "C" not null,
  status        task_status not null check (status <> 'queued'),
  planned_at    timestamptz not null,
  due_at        timestamptz not null,
  -- A lease: who claimed the row settles it, or loses it when the time is over.
  claimed_until timestamptz,
  claimed_by    text,
  -- Attempts whose end is known; one cut off by a crash does not count.
  attempts      int         not null default 0,
  reason        text,
  primary key (task_id, sequence),
  check ((claimed_until is null) = (claimed_by is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Claims hop from lane to lane (a tenant's deliveries to one host), so that a long queue delays no other.
create index webhook_delivery_lane on webhook_delivery (tenant_id, host, due_at);
create index webhook_delivery_claimed on webhook_delivery (host, tenant_id) where claimed_until is not null;

create table webhook_settled (
  task_id    text collate "C" not null,
  sequence   int         not null,
  event_id   uuid        not null,
  tenant_id  text collate "C" not null,
  host       text collate "C" not null,
  status     task_status not null,
  state      text        not null check (state in ('delivered', 'failed', 'coalesced')),
  attempts   int         not null,
  reason     text,
  planned_at timestamptz not null,
  settled_at timestamptz not null,
  primary key (task_id, sequence)
);
create index webhook_settled_tenant on webhook_settled (tenant_id, event_id);
-- "Everything that failed since …"
create index webhook_settled_failed on webhook_settled (settled_at) where state = 'failed';
create index webhook_settled_age on webhook_settled using brin (settled_at);

-- Every attempt, for people who ask what happened. A test event has no task.
create table webhook_attempt (
  id         bigint generated always as identity primary key,
  event_id   uuid        not null,
  tenant_id  text collate "C" not null,
  task_id    text collate "C",
  sequence   int,
  host       text collate "C" not null,
  at         timestamptz not null,
  status     int,
  failure    text,
  detail     text,
  latency_ms int         not null,
  answer     text,
  check (num_nonnulls(status, failure) >= 1)
);
create index webhook_attempt_event on webhook_attempt (event_id);
create index webhook_attempt_age on webhook_attempt using brin (at);

-- Lanes in trouble. A healthy one has no row.
create table webhook_host (
  tenant_id      text collate "C" not null,
  host           text collate "C" not null,
  -- Failures in a row that speak of the host rather than of one request; the breaker counts them.
  trouble        int         not null,
  failing_since  timestamptz not null,
  last_failed_at timestamptz not null,
  last_reason    text        not null,
  -- Nothing is sent before; then one delivery at a time, until one succeeds.
  open_until     timestamptz,
  paused_at      timestamptz,
  primary key (tenant_id, host)
) with (fillfactor = 70);
create index webhook_host_paused on webhook_host (paused_at) where paused_at is not null;

create table webhook_secret (
  id         bigint generated always as identity primary key,
  tenant_id  text collate "C" not null references tenant on delete cascade,
  -- AES-GCM under tracker.secret.
  sealed     bytea       not null,
  created_at timestamptz not null,
  -- Set when a newer secret takes over; both sign until then.
  expires_at timestamptz
);
create unique index webhook_secret_current on webhook_secret (tenant_id) where expires_at is null;
