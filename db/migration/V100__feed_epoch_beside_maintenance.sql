-- Who writes an event writes outbox too, so a lock there keeps writers apart from the begin of an epoch. The one on task
-- and task_event waited for every VACUUM and index build of the two largest tables, and a start ended meanwhile.

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

create or replace function feed_follow_cluster(look_at_events boolean) returns text language plpgsql as $$
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
