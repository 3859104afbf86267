-- Keys get names, scopes and a rate; tenants get quotas and models of their own.
alter table api_key
  add column name   text not null default '' check (length(name) <= 200),
  add column scopes text not null default 'submit read webhooks'
    check (scopes ~ '^(submit|read|webhooks)( (submit|read|webhooks)){0,2}$'),
  -- Requests a second, and how many at once; null takes the configured.
  add column rate   numeric check (rate > 0),
  add column burst  int check (burst >= 1);

alter table tenant
  add column max_queued      int     check (max_queued >= 0),
  add column units_per_day   numeric check (units_per_day >= 0),
  add column units_per_month numeric check (units_per_month >= 0),
  -- Public model name to Kling's, on top of kling.models.
  add column models          jsonb   not null default '{}';

-- Which key submitted a task. Keys are revoked, never deleted; an old task may have none.
alter table task add column api_key_id uuid;

create table admin_key (
  id           uuid primary key,
  name         text        not null check (length(name) between 1 and 200),
  prefix       text        not null,
  key_hash     bytea       not null unique check (length(key_hash) = 32),
  created_at   timestamptz not null,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

-- What administrators did: a row before the action and one with its answer, linked by the request.
create table audit_log (
  id         bigint generated always as identity primary key,
  request_id uuid        not null,
  at         timestamptz not null,
  actor      text        not null,
  address    text        not null,
  method     text        not null,
  path       text        not null,
  -- Null while begun.
  status     int
);
create index audit_log_request on audit_log (request_id);
create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit_log is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_log_no_change before update or delete on audit_log for each row execute function audit_log_is_append_only();
create trigger audit_log_no_truncate before truncate on audit_log for each statement execute function audit_log_is_append_only();

-- What each replica let through per key, so that the others can count it. Worthless after a crash, hence unlogged.
create unlogged table rate_use (
  key_id  uuid        not null,
  replica uuid        not null,
  used    bigint      not null,
  at      timestamptz not null,
  primary key (key_id, replica)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
