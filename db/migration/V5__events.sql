-- How events reach Kafka, and where they stand in a tenant's feed.

-- All that Kafka has not acknowledged. Insert and delete only. What has the same key shares a lane and stands in commit
-- order, since the id is drawn under a lock: of a task's events while its row is locked.
create table outbox (
  -- An administrator had it put back, to be sent once more; comes after all others.
  replayed boolean  not null default false,
  lane     smallint not null check (lane between 0 and 63),
  id       bigint   not null,
  -- A task's event of this number. 0 asks for the task's newest state alone, or for its tombstone once it is gone.
  task_id  text collate "C",
  sequence int,
  -- Or a record as some other feature wrote it.
  topic    text,
  key      text collate "C",
  headers  json,
  payload  text,
  primary key (replayed, lane, id),
  check (case when topic is null
    then num_nulls(task_id, sequence) = 0 and num_nonnulls(key, headers, payload) = 0
    else num_nonnulls(task_id, sequence) = 0 and num_nulls(key, headers, payload) = 0 end)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create function outbox_lane(key text) returns smallint language sql immutable parallel safe
  return (hashtext(key) & 63)::smallint;
-- A row's place among all others; not a column of its own, so that an event's is the event's own id.
create function outbox_next() returns bigint language sql volatile
  return nextval(pg_get_serial_sequence('task_event', 'id'));

-- Who last had each lane of the outbox, so that its next holder knows whether it was given back or left behind. Worthless
-- after a crash, when nobody holds any.
create unlogged table event_lane (
  lane  smallint primary key,
  -- Null once given back: then nothing of the lane was under way.
  owner text
) with (fillfactor = 50);

-- Of tasks that retention has removed Kafka is to forget the latest state.
create function task_leave_tombstone() returns trigger language plpgsql as $$
begin
  insert into outbox (lane, id, task_id, sequence) select outbox_lane(id), outbox_next(), id, 0 from gone;
  delete from set_aside s using gone g where s.task_id = g.id;
  return null;
end $$;
create trigger task_leaves_tombstone after delete on task referencing old table as gone
  for each statement execute function task_leave_tombstone();

-- The replay that an administrator asked for last. What it still has to send are the replayed rows of the outbox.
create table event_replay (
  the_only boolean primary key default true check (the_only),
  id       uuid    not null,
  events   bigint  not null,
  -- Of those: never to be sent, since Kafka does not take them or retention was sooner.
  skipped  bigint  not null default 0,
  -- And taken out again when it was canceled; null while it was not.
  canceled bigint
);

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

-- Begins an epoch: positions from now on stand above every one given out so far. To be called by whoever restores the
-- database to an earlier moment of the same cluster, as from a snapshot of its volume, which nothing in it tells.
-- A database that is restored has forgotten which positions were given out, also those of an epoch that a restore before
-- began: a clock has not. Positions of every epoch but the first stay below the microseconds since 1970, as long as fewer
-- than a million transactions a second are made, so the next epoch begins there.
create function feed_begin_epoch(why text) returns int language plpgsql as $$
declare
  known  feed_epoch;
  newest bigint;
begin
  -- Whoever writes an event sees the old shift and ends before this, or the new one after it.
  lock table outbox in share row exclusive mode;
  select * into strict known from feed_epoch;
  newest := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
  update feed_epoch set
    epoch = known.epoch + 1,
    shift = greatest(feed_newest() + 1, known.shift + newest, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
      - newest,
    cluster = feed_cluster(),
    began_at = now(),
    reason = why;
  return known.epoch + 1;
end $$;

-- Begins an epoch if the database is in another cluster than the last one began in, or if events stand above every
-- transaction so far; answers why, or null. To be called before a session is used to write.
-- Who writes an event writes outbox too, so a lock there keeps writers apart from the begin of an epoch. One on task and
-- task_event would wait for every VACUUM and index build of the two largest tables, and a start would end meanwhile.
create function feed_follow_cluster(look_at_events boolean) returns text language plpgsql as $$
declare
  here   text := feed_cluster();
  known  feed_epoch;
  why    text;
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
    -- The second look is alone.
    lock table outbox in share row exclusive mode;
  end loop;
  perform feed_begin_epoch(why);
  return why;
end $$;
