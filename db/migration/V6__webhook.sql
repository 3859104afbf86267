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
  -- Who claimed the row settles it, or loses it when it is not alive any more.
  claimed_until timestamptz,
  claimed_by    text,
  -- A due row whose lane (a tenant's deliveries to one host) has no room is parked, once, so that it does not stand in the way
  -- of its tenant's other lanes; webhook_lane says when the lane is looked at. Any other row is found by its own due time.
  parked        boolean     not null default false,
  -- Attempts whose end is known; one cut off by a crash does not count.
  attempts      int         not null default 0,
  reason        text,
  primary key (task_id, sequence),
  check ((claimed_until is null) = (claimed_by is null)),
  constraint webhook_delivery_parked check (not parked or claimed_until is null)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index webhook_delivery_claimed on webhook_delivery (host, tenant_id) where claimed_until is not null;
create index webhook_delivery_due on webhook_delivery (tenant_id, due_at) where claimed_until is null and not parked;
create index webhook_delivery_parked on webhook_delivery (tenant_id, host, due_at) where parked;

-- Lanes with parked rows, and perhaps some whose rows are all gone: a claim that finds nothing parked deletes the row.
create table webhook_lane (
  tenant_id text collate "C" not null,
  host      text collate "C" not null,
  -- When a claim looks at the lane next: when the host may be sent to again, or a moment later when it is full.
  due_at    timestamptz not null,
  -- The lane waits for room at its host, which each settlement to that host may bring.
  crowded   boolean     not null,
  -- Counts the writes: who has seen the lane empty deletes it only if nobody has written it since.
  changes   bigint      not null default 1,
  primary key (tenant_id, host)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index webhook_lane_due on webhook_lane (tenant_id, due_at);
create index webhook_lane_crowded on webhook_lane (host) where crowded;

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

-- Tasks whose receiver has answered 410: nothing more of them is sent to it.
create table webhook_gone (
  task_id text collate "C" primary key,
  gone_at timestamptz not null
);
create index webhook_gone_age on webhook_gone using brin (gone_at);

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

-- Token buckets of the hosts that were sent to a moment ago, shared by all replicas. Worthless after a crash, hence
-- unlogged; a host without a row has a full bucket.
create unlogged table webhook_rate (
  host   text collate "C" primary key,
  tokens double precision not null,
  at     timestamptz      not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- What became of lanes, for good: a row is written by the very statement that pauses a lane or lets it flow again.
-- Rows are never changed, and forgotten with the deliveries of their time.
create table webhook_host_event (
  id        bigint generated always as identity primary key,
  event_id  uuid        not null default gen_random_uuid(),
  tenant_id text collate "C" not null,
  host      text collate "C" not null,
  state     text        not null check (state in ('paused', 'resumed')),
  reason    text        not null,
  at        timestamptz not null
);
create index webhook_host_event_tenant on webhook_host_event (tenant_id, id);
create index webhook_host_event_age on webhook_host_event using brin (at);

-- Rows that statements return in this shape are kept, and written as records for Kafka, by one function. Its caller has
-- the lane's row locked, so that the records of a lane are in the order of what became of it.
create function webhook_host_told(tenant text, host text, state text, reason text, at timestamptz, topic text)
returns bigint language sql as $$
  with told as (
    insert into webhook_host_event (tenant_id, host, state, reason, at) values ($1, $2, $3, $4, $5)
    returning *, tenant_id || '/' || host as key,
      to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time
  )
  insert into outbox (lane, id, topic, key, headers, payload)
  select outbox_lane(t.key), outbox_next(), $6, t.key,
    json_build_object(
      'ce_specversion', '1.0', 'ce_id', t.event_id, 'ce_type', 'kling.webhook.host-' || t.state || '.v1',
      'ce_source', '/kling-task-tracker', 'ce_subject', t.host, 'ce_time', t.time, 'ce_sequence', t.id::text,
      'ce_partitionkey', t.key, 'content-type', 'application/json'),
    json_build_object(
      'event_id', t.event_id, 'tenant', t.tenant_id, 'host', t.host, 'state', t.state, 'reason', t.reason,
      'occurred_at', t.time)
  from told t returning id
$$;

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
