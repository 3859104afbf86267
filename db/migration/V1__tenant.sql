-- Who calls, and with what: tenants, their and the administrators' keys, and what was done and used by them.

-- Owners of tasks. Every other table carries the tenant, and every query names it.
create table tenant (
  id              text collate "C" primary key check (id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  name            text        not null check (length(name) between 1 and 200),
  created_at      timestamptz not null,
  -- A suspended tenant may do nothing until it is let in again; what runs for it at Kling is tracked to its end.
  suspended_at    timestamptz,
  -- Its share of the slots, in proportion to the other tenants that wait for the same ones.
  weight          smallint    not null default 1 check (weight between 1 and 1000),
  max_queued      int         check (max_queued >= 0),
  units_per_day   numeric     check (units_per_day >= 0),
  units_per_month numeric     check (units_per_month >= 0),
  -- Public model name to Kling's, on top of kling.models.
  models          jsonb       not null default '{}',
  -- Which Kling accounts it may have tasks of other programs watched on: whoever may, reads what those programs make there.
  -- Null: not decided yet, which means all configured accounts while the tenant is the only one, and none otherwise.
  track_accounts  text[]      check (array_position(track_accounts, null) is null)
);

-- Keys of tenants, and of administrators, who have no tenant and a right in place of scopes.
create table api_key (
  id            uuid primary key,
  tenant_id     text collate "C" references tenant,
  -- Which words are scopes is the code's to say, so that another one needs no change here. Administration is none of them.
  scopes        text        check (scopes ~ '^[a-z]+( [a-z]+)*$' and length(scopes) <= 200),
  admin_right   text        check (admin_right in ('read', 'write')),
  name          text        not null check (length(name) <= 200),
  -- The first characters of the key, for the eye; the key itself is never stored.
  prefix        text        not null,
  key_hash      bytea       not null unique check (length(key_hash) = 32),
  -- The pair with which Kling's own clients sign a JWT; administrators have none. The secret is sealed under tracker.secret.
  access_key    text        unique,
  secret_sealed bytea,
  -- Requests a second, and how many at once; null takes the configured.
  rate          numeric     check (rate > 0),
  burst         int         check (burst >= 1),
  created_at    timestamptz not null,
  expires_at    timestamptz,
  revoked_at    timestamptz,
  suspended_at  timestamptz,
  last_used_at  timestamptz,
  constraint api_key_of_a_tenant check (tenant_id is null or num_nulls(scopes, access_key, secret_sealed) = 0),
  constraint api_key_of_an_administrator check (tenant_id is not null
    or name <> '' and num_nonnulls(scopes, access_key, secret_sealed, rate, burst) = 0),
  constraint api_key_of_one_of_them check ((tenant_id is null) = (admin_right is not null))
);
create index api_key_tenant on api_key (tenant_id);

-- What each replica let through per key, so that the others can count it. Worthless after a crash, hence unlogged.
create unlogged table rate_use (
  key_id  uuid        not null,
  replica uuid        not null,
  used    bigint      not null,
  at      timestamptz not null,
  primary key (key_id, replica)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- What synchronous calls used: they make no task, so nothing else remembers them. One row an hour, tenant, key and path;
-- the key is null for callers of whose key nobody keeps count.
create table passed_use (
  tenant_id  text collate "C" not null references tenant on delete cascade,
  hour       timestamptz not null,
  api_key_id uuid,
  path       text        not null,
  calls      bigint      not null check (calls >= 0),
  units      numeric     not null check (units >= 0),
  unique nulls not distinct (tenant_id, hour, api_key_id, path)
) with (fillfactor = 50);

-- What administrators did: a row before the action and one with its answer, linked by the request.
create table audit_log (
  id         bigint generated always as identity primary key,
  request_id uuid        not null,
  at         timestamptz not null,
  actor      text        not null,
  address    text        not null,
  method     text        not null,
  path       text        not null,
  -- What the action set, where method and path do not tell: no secrets, and no more than a line.
  detail     text        check (length(detail) <= 200),
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
