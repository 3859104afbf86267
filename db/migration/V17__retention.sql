-- How long tasks are kept, and what stays of those that were removed.

-- From the end of a task; null takes the configured age.
alter table tenant add column retention_seconds bigint
  constraint tenant_retention check (retention_seconds between 3600 and 3153600000);

-- Whoever removes a task removes its events in the same statement: a check of each row of the largest table for the
-- other end is what that would cost otherwise, at every change of a task too.
alter table task_event drop constraint task_event_task_id_fkey;

-- What tasks used that are removed: what quotas and reports counted, they count on. By the hour in which they were created.
create table removed_use (
  tenant_id    text collate "C" not null references tenant on delete cascade,
  hour         timestamptz not null,
  kind         text        not null,
  model        text,
  status       task_status not null,
  api_key_id   uuid,
  tasks        bigint      not null check (tasks >= 0),
  -- Of those: for which Kling never told what it took.
  uncharged    bigint      not null check (uncharged >= 0),
  units        numeric     not null,
  -- Money that Kling took in its list's currency, and the units for which it took none.
  amount       numeric     not null,
  units_listed numeric     not null,
  unique nulls not distinct (tenant_id, hour, kind, model, status, api_key_id)
) with (fillfactor = 50);

-- How far into a tenant's feed removals reached. A reader who has seen the removal before has missed nothing by it; anybody
-- else's cursor that stands below has. One that reaches further takes the place of those before it, so that there are few.
create table feed_removed (
  tenant_id text collate "C" not null references tenant on delete cascade,
  -- The removal: a position in the feed, as an event of the same transaction would have it.
  removal   bigint not null,
  -- The last event that it removed.
  position  bigint not null,
  id        bigint not null,
  primary key (tenant_id, removal)
);

-- As in V5; positions of events that are gone were given out all the same.
create or replace function feed_newest() returns bigint language sql stable as $$
  select greatest(
    (select coalesce(max(newest.feed_position), 0)
     from tenant t cross join lateral (
       select e.feed_position from task_event e where e.tenant_id = t.id
       order by e.feed_position desc, e.id desc limit 1) newest),
    (select coalesce(max(greatest(position, removal)), 0) from feed_removed))
$$;
