-- From the rows in "events", which leave a tenant's feed: readers who have not come so far are told.
-- How far into the feed that is.
reached as (
  select distinct on (tenant_id) tenant_id, feed_position, id from events order by tenant_id, feed_position desc, id desc
),
-- One that reaches further takes the place of those before.
passed as (
  delete from feed_removed f using reached r
  where f.tenant_id = r.tenant_id and (f.position, f.id) <= (r.feed_position, r.id)
),
-- See feed_removed.
marked as (
  insert into feed_removed (tenant_id, removal, position, id)
  select tenant_id, ${position}, feed_position, id from reached
)
