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
