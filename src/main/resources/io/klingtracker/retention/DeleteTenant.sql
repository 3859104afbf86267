-- Deletes a tenant that has no tasks any more, with everything that is its own. What refers to tenant and is not here goes
-- with it; events that tell of its erased tasks stay until Kafka has them (ForgetErased).
with gone as materialized (
  select t.id from tenant t
  where t.id = :tenant and t.deleting_at < cast(:before as timestamptz)
    and not exists (select from task k where k.tenant_id = t.id)
  for update
),
-- Its keys.
keys as (delete from api_key a using gone g where a.tenant_id = g.id returning a.id),
-- What was let through for them.
used as (delete from rate_use r using keys k where r.key_id = k.id),
-- Its turn among others.
turns as (delete from dispatch_turn d using gone g where d.tenant_id = g.id),
-- What came of test webhooks, and of those whose tasks were removed before.
attempts as (delete from webhook_attempt a using gone g where a.tenant_id = g.id),
-- The same, how they ended.
settled as (delete from webhook_settled s using gone g where s.tenant_id = g.id),
-- Hosts of its webhooks in trouble.
hosts as (delete from webhook_host h using gone g where h.tenant_id = g.id),
-- What became of hosts.
host_events as (delete from webhook_host_event e using gone g where e.tenant_id = g.id),
-- Copies of results, whose tasks were removed before too: shown no more, and deleted by whoever keeps them.
copies as (
  update custody_copy c set erased_at = cast(:now as timestamptz) from gone g where c.tenant_id = g.id and c.erased_at is null
),
-- What was archived of its tasks: deleted by whoever writes the archive.
parts as (
  update archive_part a set erased_at = cast(:now as timestamptz) from gone g where a.tenant_id = g.id and a.erased_at is null
),
-- Host queues.
queues as (delete from webhook_lane l using gone g where l.tenant_id = g.id)
delete from tenant t using gone g where t.id = g.id returning t.id
