-- Replays to Kafka that administrators asked for. One replica at a time works one off under a lease, from where the last
-- one stood: what a crash leaves is gone on with.
create table event_replay (
  id             uuid        primary key,
  task_id        text,
  tenant_id      text,
  from_at        timestamptz,
  -- Never open: what happens while a replay runs is not part of it.
  to_at          timestamptz not null,
  events         bigint      not null,
  sent           bigint      not null default 0,
  skipped        bigint      not null default 0,
  -- Kafka has everything up to here.
  after_tenant   text collate "C" not null default '',
  after_position bigint      not null default 0,
  after_id       bigint      not null default 0,
  state          text        not null default 'running' check (state in ('running', 'done', 'canceled')),
  requested_at   timestamptz not null,
  finished_at    timestamptz,
  claimed_until  timestamptz,
  claimed_by     text,
  check ((state = 'running') = (finished_at is null))
);
-- One at a time: together they would pass the rate.
create unique index event_replay_running on event_replay (state) where state = 'running';
