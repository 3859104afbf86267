-- Owners of tasks, and the keys they call with. Every other table carries the tenant, and every query names it.
create table tenant (
  id         text collate "C" primary key check (id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  name       text        not null check (length(name) between 1 and 200),
  created_at timestamptz not null
);

create table api_key (
  id            uuid primary key,
  tenant_id     text collate "C" not null references tenant,
  -- The first characters of the key, for the eye; the key itself is never stored.
  prefix        text        not null,
  key_hash      bytea       not null unique check (length(key_hash) = 32),
  -- The pair with which Kling's own clients sign a JWT. The secret is sealed under tracker.secret.
  access_key    text        not null unique,
  secret_sealed bytea       not null,
  created_at    timestamptz not null,
  expires_at    timestamptz,
  revoked_at    timestamptz,
  last_used_at  timestamptz
);
create index api_key_tenant on api_key (tenant_id);

-- What we know of a configured Kling account beyond its configuration. Credentials are configuration, never rows.
create table account (
  name          text collate "C" primary key,
  paused        boolean     not null default false,
  parked_reason text,
  parked_at     timestamptz,
  check ((parked_reason is null) = (parked_at is null))
);
