-- Forgets erasures of long ago, once Kafka has been told: the event, and where those before it stood.
with old as materialized (
  select e.event_id, e.task_id from erased_event e
  where e.at < :before
    and not exists (
      select from outbox o where not o.replayed and o.lane = outbox_lane(e.task_id) and o.task_id = e.task_id)
  order by e.at limit :limit
),
-- The events that tell of them.
gone as (
  delete from task_event e using (select distinct task_id from old) o where e.task_id = o.task_id and e.type = 'erased'
  returning e.tenant_id, e.feed_position, e.id
),
-- A tenant that is deleted has no readers.
events as (select * from gone g where exists (select from tenant t where t.id = g.tenant_id)),
${marks},
-- Where the others stood.
forgotten as (delete from erased_event e using old o where e.event_id = o.event_id)
select count(*) from old
