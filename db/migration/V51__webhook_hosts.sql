-- What became of lanes, for good: a row is written by the very statement that pauses a lane or lets it flow again.
-- Rows are never changed, and forgotten with the deliveries of their time.
create table webhook_host_event (
  id         bigint generated always as identity primary key,
  event_id   uuid        not null default gen_random_uuid(),
  tenant_id  text collate "C" not null,
  host       text collate "C" not null,
  state      text        not null check (state in ('paused', 'resumed')),
  reason     text        not null,
  at         timestamptz not null
);
create index webhook_host_event_tenant on webhook_host_event (tenant_id, id);
create index webhook_host_event_age on webhook_host_event using brin (at);

-- Which of them Kafka has not acknowledged. Only a lane's oldest is ever claimed, so that they arrive in order.
create table webhook_host_outbox (
  tenant_id     text collate "C" not null,
  host          text collate "C" not null,
  id            bigint not null,
  claimed_until timestamptz,
  primary key (tenant_id, host, id)
);

-- Token buckets of the hosts that were sent to a moment ago, shared by all replicas. Worthless after a crash, hence
-- unlogged; a host without a row has a full bucket.
create unlogged table webhook_rate (
  host   text collate "C" primary key,
  tokens double precision not null,
  at     timestamptz      not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Rows that statements return in this shape are kept and queued for Kafka by one function.
create function webhook_host_told(tenant text, host text, state text, reason text, at timestamptz) returns bigint
language sql as $$
  with told as (
    insert into webhook_host_event (tenant_id, host, state, reason, at) values ($1, $2, $3, $4, $5)
    returning id, tenant_id, host
  )
  insert into webhook_host_outbox (tenant_id, host, id) select tenant_id, host, id from told returning id
$$;
