-- Positions in the feed are transaction numbers (ADR 14), which begin anew in another cluster and may step back after a
-- promotion or a restore to a point in time. Each such change begins an epoch, whose shift is added to the numbers from
-- then on, so that every cursor given out before stands below what comes (ADR 39).
create table feed_epoch (
  the_only boolean     primary key default true check (the_only),
  epoch    int         not null,
  shift    bigint      not null,
  -- Which cluster, and which history of it, the numbers are of; see feed_cluster.
  cluster  text        not null,
  -- Since when, and why; null while the first epoch lasts.
  began_at timestamptz,
  reason   text
);

-- The cluster and its timeline, which a promotion changes; null while it is a standby, which writes nothing.
create function feed_cluster() returns text language plpgsql stable as $$
begin
  if pg_is_in_recovery() then
    return null;
  end if;
  return (select system_identifier from pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
exception
  -- A service that keeps these from its users: then only positions above the newest transaction tell of a restore.
  when insufficient_privilege or undefined_function or feature_not_supported then
    return 'unknown';
end $$;

insert into feed_epoch (epoch, shift, cluster) values (0, 0, feed_cluster());

-- The highest position of any event: one look into the index for each tenant.
create function feed_newest() returns bigint language sql stable as $$
  select coalesce(max(newest.feed_position), 0)
  from tenant t cross join lateral (
    select e.feed_position from task_event e where e.tenant_id = t.id
    order by e.feed_position desc, e.id desc limit 1) newest
$$;

-- Begins an epoch if the database is in another cluster than the last one began in, or if events stand above every
-- transaction so far; answers why, or null. To be called before a session is used to write.
-- A database that is restored has forgotten which positions were given out, also those of an epoch that a restore before
-- began: a clock has not. Positions of every epoch but the first stay below the microseconds since 1970, as long as fewer
-- than a million transactions a second are made, so the next epoch begins there.
create function feed_follow_cluster(look_at_events boolean) returns text language plpgsql as $$
declare
  here   text := feed_cluster();
  known  feed_epoch;
  why    text;
  newest bigint;
begin
  if here is null or current_setting('transaction_read_only')::boolean then
    return null;
  end if;
  for attempt in 1..2 loop
    select * into known from feed_epoch;
    why := case
      when split_part(known.cluster, '/', 1) <> split_part(here, '/', 1) then 'restored into another cluster'
      when known.cluster <> here then 'promoted, or restored to a point in time'
      when look_at_events
        and feed_newest() >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + known.shift
        then 'restored, with events above every transaction'
      end;
    if why is null then
      return null;
    end if;
    -- The second look is alone: whoever writes an event sees the old shift and ends before this, or the new one after it.
    lock table task, task_event in share row exclusive mode;
  end loop;
  newest := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
  update feed_epoch set
    epoch = known.epoch + 1,
    shift = greatest(feed_newest() + 1, known.shift + newest, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
      - newest,
    cluster = here,
    began_at = now(),
    reason = why;
  return why;
end $$;
