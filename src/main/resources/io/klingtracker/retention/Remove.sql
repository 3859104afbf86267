-- Removes tasks, whose rows the transaction holds, with all that belongs to them. What refers to task goes with it (request,
-- news, tracked ids, and where it is erased what it owes), its labels and its tombstone are triggers'.
with removable as materialized (
  select t.id, t.tenant_id, t.kind, t.model, t.status, t.api_key_id, t.created_at, t.sequence, t.previous_status,
    t.feed_position, t.account,
    -- As Quotas and Usage have it; what is money whatever the list's price, and the units that it is to be put on.
    num_nonnulls(units, amount) > 0 or ${unsent} as charged, coalesce(${units}, 0) as units,
    coalesce(${money}, 0) as amount, coalesce((${money_at_one}) - (${money}), 0) as units_listed
  from task t
  where t.id = any(cast(:ids as text[]))
    -- Whoever still owes something stays, unless he is erased.
    ${unless}
),
-- Its timeline and its part of the feed.
events as (
  delete from task_event e using removable r where e.task_id = r.id
  returning e.task_id, e.tenant_id, e.feed_position, e.id, e.event_id
),
-- What came of its webhooks.
attempts as (delete from webhook_attempt a using events e where a.event_id = e.event_id),
-- Their ends.
settled as (delete from webhook_settled s using removable r where s.task_id = r.id),
-- Whether its receiver wants more.
gone as (delete from webhook_gone g using removable r where g.task_id = r.id),
-- What Kling reported.
receipts as (delete from callback_receipt c using removable r where c.task_id = r.id returning c.id),
-- Whether a callback may still come.
missing as (delete from callback_missing m using removable r where m.task_id = r.id),
-- What readers of the feed and Kafka see of it.
${told},
-- What it used stays.
used as (
  insert into removed_use as u
    (tenant_id, hour, kind, model, status, api_key_id, tasks, uncharged, units, amount, units_listed)
  select r.tenant_id, date_trunc('hour', r.created_at, 'UTC'), r.kind, r.model, r.status, r.api_key_id, count(*),
    count(*) filter (where not r.charged), sum(r.units), sum(r.amount), sum(r.units_listed)
  from removable r
  group by 1, 2, 3, 4, 5, 6
  on conflict (tenant_id, hour, kind, model, status, api_key_id) do update set
    tasks = u.tasks + excluded.tasks, uncharged = u.uncharged + excluded.uncharged, units = u.units + excluded.units,
    amount = u.amount + excluded.amount, units_listed = u.units_listed + excluded.units_listed
)
delete from task t using removable r where t.id = r.id
returning t.id, t.tenant_id, t.status::text as status, t.sequence
